# The first code of a worker process: `python -X utf8 -c <code that runs this text> <module.so>`, and more arguments for a
# worker of Microsoft's Functions host. The text is in a variable. It loads the module and hands over to Rust. If that
# fails, it reports the error through the control channel, or to stderr under the Functions host. Any version of Python
# can parse it, so that a version that is too old gets our message and not a SyntaxError.
import sys

# Before any other import: the first entry is the working directory, the app's folder, in a Python before 3.11, which does
# not know the variable PYTHONSAFEPATH. The app's folder comes last instead: see funcdock.paths.
sys.path[:] = [path for path in sys.path if path]

import os
import signal

if os.environ.get("PYTHONSAFEPATH") == "funcdock":
    # Programs that functions start do not get it.
    del os.environ["PYTHONSAFEPATH"]

CONTROL, LISTENER, LOADS, LOGS = 3, 4, 5, 6
OLDEST = (3, 9)

# What the Functions host says: its URI, its names for the worker and the request, the largest message; and the folder of
# the funcdock binary.
PATH, FUNCTIONS_HOST = sys.argv[1], sys.argv[2:]


def fail(phase, message):
    if FUNCTIONS_HOST:
        sys.exit("funcdock worker: %s failed: %s" % (phase, message))
    import json
    import struct

    body = json.dumps({"failed": {"phase": phase, "message": message}}).encode("utf-8")
    frame = struct.pack("<I", len(body)) + body
    while frame:
        frame = frame[os.write(CONTROL, frame):]
    sys.exit(1)


def load(path):
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import module_from_spec, spec_from_file_location

    loader = ExtensionFileLoader("_funcdock", path)
    module = module_from_spec(spec_from_file_location("_funcdock", path, loader=loader))
    sys.modules["_funcdock"] = module
    loader.exec_module(module)
    return module


def main():
    # Ctrl-C reaches the whole process group, but the supervisor decides when to stop. The handler does nothing. It is
    # not SIG_IGN, which the programs that a function starts would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    if sys.version_info < OLDEST:
        fail(
            "check of the Python version",
            "%s is Python %d.%d; Funcdock needs %d.%d or newer. Choose another interpreter with --python, "
            "or make the app's .venv with a newer one."
            % ((sys.executable,) + tuple(sys.version_info[:2]) + OLDEST),
        )
    # A program that a function starts must not keep the port or the channel open.
    for descriptor in () if FUNCTIONS_HOST else (CONTROL, LISTENER, LOADS, LOGS):
        os.set_inheritable(descriptor, False)
    # The command that serves the app, for code that reads its arguments, as the settings of some Django projects do.
    sys.argv[:] = ["funcdock", "worker" if FUNCTIONS_HOST else "start", os.getcwd()]
    try:
        module = load(PATH)
    except BaseException as error:
        fail(
            "load of Funcdock's Python module",
            "%s cannot be imported by %s (Python %s): %s: %s"
            % (PATH, sys.executable, sys.version.split()[0], type(error).__name__, error),
        )
    if FUNCTIONS_HOST:
        return module.run_under_functions_host(*FUNCTIONS_HOST)
    # Rust owns the descriptors from here on: an exception goes to stderr, not through the channel.
    return module.run(CONTROL, LISTENER, LOADS, LOGS)


def leave(code):
    """Exits as the interpreter does, but does not finalize it: a call that was given up still runs in a thread of
    Rust, which needs the interpreter."""
    import atexit
    import threading

    flushes = [stream.flush for stream in (sys.stdout, sys.stderr) if stream is not None]
    # The log comes last: the others may write to it.
    flushes.append(sys.modules["_funcdock"].flush_log)
    for end in [threading._shutdown, atexit._run_exitfuncs] + flushes:
        try:
            end()
        except BaseException:
            sys.excepthook(*sys.exc_info())
    os._exit(code)


leave(main())
