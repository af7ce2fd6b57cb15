"""Puts what cargo builds into the wheel: the command, its libraries, its man page, stubs of its extensions,
and the licences of their crates. And the sources of the crates that other extensions depend on.

Nothing in it is for one version of Python, so there is one wheel a platform. Two variables change it:

- ``CARGO_TARGET_DIR``: cargo's own, the folder in which it builds.
- ``FUNCDOCK_WHEEL_GLIBC``: a version such as 2.17. zig links for it, and the wheel's name has it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMMAND = "funcdock"
#: Where the command looks for its libraries, beside the folder that it is in.
LIBRARIES = Path("lib/funcdock")
MAN_PAGE = Path("share/man/man1/funcdock.1")
#: Where `funcdock extension new` looks for the crates that a new extension depends on.
CRATES = Path("share/funcdock")
STUBS = Path("funcdock/extensions.pyi")
THIRD_PARTY = "THIRD-PARTY.txt"

#: Takes the place of the first line of the stubs of one app.
STUBS_HEAD = (
    "# The extensions of Funcdock itself. `funcdock extension stubs` writes stubs of all that an app has.\n"
)
STUBS_TAIL = "\n# Any other extension, which an app may have.\ndef __getattr__(name: str) -> Any: ...\n"


class Wheel(BuildHookInterface[Any]):
    """The hook that hatchling calls before it writes a wheel."""

    def dependencies(self) -> list[str]:
        """Returns the packages that the build needs: zig is one, and cargo's subcommand for it another."""
        return ["cargo-zigbuild", "ziglang"] if os.environ.get("FUNCDOCK_WHEEL_GLIBC") else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the files, and tells hatchling where in the wheel they belong."""
        root = Path(self.root)
        glibc = os.environ.get("FUNCDOCK_WHEEL_GLIBC", "")
        built = build(root, glibc)
        layout = built[0].parent / "wheel"
        shutil.rmtree(layout, ignore_errors=True)
        lay_out(built, layout)
        with (layout / THIRD_PARTY).open("wb") as licences:
            script = root / "python/third_party.py"
            subprocess.run([sys.executable, script, target()], stdout=licences, check=True)
        crates = root / "python/author_crates.py"
        subprocess.run([sys.executable, crates, layout / CRATES], check=True)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(glibc)}"
        build_data["shared_scripts"] = {str(layout / "bin" / COMMAND): COMMAND}
        build_data["shared_data"] = {
            str(layout / LIBRARIES): str(LIBRARIES),
            str(layout / MAN_PAGE): str(MAN_PAGE),
            str(layout / CRATES): str(CRATES),
        }
        metadata = f"{self.build_config.builder.artifact_project_id}.dist-info"
        build_data["force_include" if version == "standard" else "force_include_editable"] = {
            str(layout / STUBS): str(STUBS),
            # Beside our own, which the metadata name.
            str(layout / THIRD_PARTY): f"{metadata}/licenses/{THIRD_PARTY}",
        }


def target() -> str:
    """Returns the name that Rust has for this machine's platform."""
    return f"{platform.machine()}-unknown-linux-gnu"


def build(root: Path, glibc: str) -> list[Path]:
    """Builds Funcdock as the README does. Returns the command, then the libraries."""
    subcommand = ["zigbuild", "--target", f"{target()}.{glibc}"] if glibc else ["build"]
    command = ["cargo", *subcommand, "--release", "--locked", "--message-format", "json-render-diagnostics"]
    print("+", *command, file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True)
    except FileNotFoundError:
        sys.exit(
            "There is no cargo in PATH, and Funcdock is built from Rust: install it from https://rustup.rs, "
            "or install a wheel of Funcdock, which needs no Rust."
        )
    except subprocess.CalledProcessError as error:
        sys.exit(f"cargo failed with status {error.returncode}; its messages above say why.")
    made = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    files = [
        Path(file)
        for artifact in made
        if artifact["reason"] == "compiler-artifact" and Path(artifact["manifest_path"]).is_relative_to(root)
        for file in artifact["filenames"]
    ]
    commands = [file for file in files if file.name == COMMAND]
    # The folder `deps` has the macros of the extension API, which only compilers load.
    libraries = [file for file in files if file.suffix == ".so" and file.parent.name != "deps"]
    if len(commands) != 1 or not libraries:
        sys.exit(f"cargo has built {files}: there must be one command {COMMAND}, and libraries.")
    return commands + libraries


def lay_out(built: list[Path], layout: Path) -> None:
    """Copies what was built to where the command finds it, without debug information; it writes the rest."""
    command = layout / "bin" / COMMAND
    for folder in (command.parent, layout / LIBRARIES, (layout / MAN_PAGE).parent, layout / "app"):
        folder.mkdir(parents=True)
    # Names of functions stay, for backtraces.
    strip = shutil.which("strip")
    if strip is None:
        sys.exit("There is no strip in PATH, which makes the files small: install binutils.")
    for file in built:
        copy = command if file is built[0] else layout / LIBRARIES / file.name
        subprocess.run([strip, "--strip-debug", file, "-o", copy], check=True)

    with (layout / MAN_PAGE).open("wb") as page:
        subprocess.run([command, "man"], stdout=page, check=True)
    # An app without extensions of its own.
    (layout / "app/host.json").write_text('{"version": "2.0"}\n')
    stubs: list[str | Path] = [
        command,
        "extension",
        "stubs",
        layout / "app",
        "--output",
        layout,
        "--python",
        sys.executable,
    ]
    subprocess.run(stubs, stdout=sys.stderr, check=True)
    _head, rest = (layout / STUBS).read_text().split("\n", 1)
    (layout / STUBS).write_text(STUBS_HEAD + rest + STUBS_TAIL)


def platform_tag(glibc: str) -> str:
    """Returns the end of the wheel's name, which says where it can be installed."""
    if glibc:
        return f"manylinux_{glibc.replace('.', '_')}_{platform.machine()}"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
