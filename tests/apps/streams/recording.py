"""Writes what the app does into the file of the recording extensions; an extension in Python, if it is wanted."""

import json
import os

import azure.functions as func


def record(**entry):
    with open("record.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


if os.environ.get("WITH_PYTHON_EXTENSION"):

    class Python(func.AppExtensionBase):
        """An extension at the application level."""

        @classmethod
        def pre_invocation_app_level(cls, logger, context, func_args=None, *args, **kwargs):
            record(hook="pre_invocation", label="Python", invocation=context.invocation_id)

        @classmethod
        def post_invocation_app_level(cls, logger, context, func_args=None, func_ret=None, *args, **kwargs):
            record(
                hook="post_invocation",
                label="Python",
                invocation=context.invocation_id,
                state=context.invocation_id,
                status=getattr(func_ret, "status_code", None),
            )
