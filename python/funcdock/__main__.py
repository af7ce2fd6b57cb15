"""``python -m funcdock``: the command of this installation, in the environment of this interpreter."""

from __future__ import annotations

import os
import sys
from importlib import metadata


def command() -> str:
    """Returns the path of the command that was installed together with this package."""
    distribution = metadata.distribution("funcdock")
    for file in distribution.files or ():
        if file.parts[-2:] == ("bin", "funcdock"):
            path = os.path.realpath(str(distribution.locate_file(file)))
            if os.access(path, os.X_OK):
                return path
            sys.exit(
                f"funcdock: {path} cannot be run, and this package was installed with it. Install it again, "
                "not with `pip install --target`, which puts it elsewhere."
            )
    sys.exit(
        f"funcdock: the package in {distribution.locate_file('')} was installed without the command. Install "
        "it again, from a wheel or with `pip install .` in Funcdock's folder."
    )


def main() -> None:
    """Becomes the command. An app without an interpreter of its own gets this one, as if activated."""
    variables = dict(os.environ)
    if sys.prefix != sys.base_prefix:
        variables["VIRTUAL_ENV"] = sys.prefix
    path = command()
    os.execve(path, [path, *sys.argv[1:]], variables)


if __name__ == "__main__":
    main()
