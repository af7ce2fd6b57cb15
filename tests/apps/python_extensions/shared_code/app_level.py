"""Extensions at the application level."""

import os
import threading

from azure.functions import AppExtensionBase

from .recording import note, record

#: Both calls of `together` have to be in the hook at once.
both = threading.Barrier(2, timeout=20)


class Base(AppExtensionBase):
    """A base class of a library. The app derives from it, so it is not an extension of the app itself."""

    @classmethod
    def init(cls):
        cls.options = {}
        record(hook="init", label=cls.__name__)

    @classmethod
    def configure(cls, **options):
        cls.options.update(options)

    @classmethod
    def post_function_load_app_level(cls, function_name, function_directory, *args, **kwargs):
        record(hook="post_function_load", label=cls.__name__, function=function_name, directory=function_directory)

    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args=None, *args, **kwargs):
        note(context, "pre_invocation", label=cls.__name__, arguments=sorted(func_args))
        context.app_ext_attributes = dict(cls.options)
        logger.info("before")
        if context.function_name == "together":
            both.wait()

    @classmethod
    def post_invocation_app_level(cls, logger, context, func_args=None, func_ret=None, *args, **kwargs):
        note(
            context,
            "post_invocation",
            label=cls.__name__,
            arguments=sorted(func_args),
            returned=func_ret,
            exception=repr(context.exception) if hasattr(context, "exception") else None,
        )
        del context.app_ext_attributes


class First(Base):
    """Registered by the library, in addition to its base."""


class Second(AppExtensionBase):
    """Static methods, as in the library's documentation."""

    @staticmethod
    def pre_invocation_app_level(logger, context, func_args, *args, **kwargs):
        note(context, "pre_invocation", label="Second")
        if os.environ.get("FAULTY"):
            raise LookupError("on purpose, before")

    @staticmethod
    def post_invocation_app_level(logger, context, func_args, func_ret, *args, **kwargs):
        note(context, "post_invocation", label="Second")
        if os.environ.get("FAULTY"):
            raise SystemExit("on purpose, after")


class Heir(Second):
    """Inherits static methods, which do not know their class."""


class Async(AppExtensionBase):
    @classmethod
    async def pre_invocation_app_level(cls, logger, context, func_args=None, *args, **kwargs):
        note(context, "pre_invocation", label="Async")


class Idle(AppExtensionBase):
    """Has no hooks."""
