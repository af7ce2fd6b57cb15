# What a worker process runs first: `python -X utf8 -c <this text> <module.so>`. It hands over to Rust as soon
# as it can, and says so through the control channel where it cannot. It parses on any Python, so that one
# which is too old gets our message and not a SyntaxError.
import os
import signal
import sys

CONTROL, LISTENER = 3, 4
OLDEST = (3, 9)


def fail(phase, message):
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
    # Ctrl-C reaches the whole process group; when to stop is the supervisor's to say. A handler that does
    # nothing, and not SIG_IGN: what is ignored stays so in the programs that a function starts.
    signal.signal(signal.SIGINT, lambda *_: None)
    if sys.version_info < OLDEST:
        fail(
            "check of the Python version",
            "%s is Python %d.%d; Funcdock needs %d.%d or newer. Choose another interpreter with --python, "
            "or make the app's .venv with a newer one."
            % ((sys.executable,) + tuple(sys.version_info[:2]) + OLDEST),
        )
    # A program that a function starts must hold neither the port nor the channel open.
    os.set_inheritable(CONTROL, False)
    os.set_inheritable(LISTENER, False)
    path = sys.argv.pop(1)
    try:
        module = load(path)
    except BaseException as error:
        fail(
            "load of Funcdock's Python module",
            "%s cannot be imported by %s (Python %s): %s: %s"
            % (path, sys.executable, sys.version.split()[0], type(error).__name__, error),
        )
    # What functions print is to be seen when they print it, also by whoever reads it through a pipe.
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)
    # From here on the descriptors are Rust's: an exception goes to stderr, not through the channel.
    return module.run(CONTROL, LISTENER)


def leave(code):
    """Ends as the interpreter would, but for its own end: a call that was given up still runs in a thread of Rust's,
    which must not find the interpreter gone."""
    import atexit
    import threading

    flushes = [stream.flush for stream in (sys.stdout, sys.stderr) if stream is not None]
    for end in [threading._shutdown, atexit._run_exitfuncs] + flushes:
        try:
            end()
        except BaseException:
            sys.excepthook(*sys.exc_info())
    os._exit(code)


leave(main())
