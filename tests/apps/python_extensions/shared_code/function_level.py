"""An extension at the function level."""

import os

from azure.functions import FuncExtensionBase

from .recording import note, record


class Own(FuncExtensionBase):
    def __init__(self, filename, label="Own"):
        super().__init__(filename)
        self.label = label

    def post_function_load(self, function_name, function_directory, *args, **kwargs):
        record(hook="post_function_load", label=self.label, function=function_name, directory=function_directory)
        if os.environ.get("FAULTY"):
            raise LookupError("on purpose, at load")

    def pre_invocation(self, logger, context, func_args=None, *args, **kwargs):
        note(context, "pre_invocation", label=self.label)
        context.own = self.label

    def post_invocation(self, logger, context, func_args=None, func_ret=None, *args, **kwargs):
        note(context, "post_invocation", label=self.label, returned=func_ret, own=context.own)
