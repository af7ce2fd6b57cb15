"""Takes a port and the number of processes, which the fastpysgi command cannot set."""

import sys

import fastpysgi
from bare_app import app

if __name__ == "__main__":
    port, workers = map(int, sys.argv[1:])
    fastpysgi.run(app, host="127.0.0.1", port=port, workers=workers)
