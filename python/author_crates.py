"""Copies the crates that extensions depend on into a folder, where `funcdock extension new` finds them.

Takes the folder to make. It gets a workspace of these crates alone, each with the files that `cargo package`
would pack. No longer needed once the crates are on crates.io.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CRATES = {
    "extension-api": "funcdock-extension-api",
    "extension-api/abi": "funcdock-extension-abi",
    "extension-api/macros": "funcdock-extension-macros",
}
#: What cargo adds to a package.
ADDED = {".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml.orig"}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: author_crates.py FOLDER")
    copy(Path(sys.argv[1]))


def copy(target: Path) -> None:
    """Makes the folder. It must not exist."""
    target.mkdir(parents=True)
    (target / "Cargo.toml").write_text(workspace((REPOSITORY / "Cargo.toml").read_text()))
    for folder, crate in CRATES.items():
        for file in files(crate):
            copied = target / folder / file
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / folder / file, copied)


def files(crate: str) -> list[str]:
    """Returns the files that the package of a crate would have, as they are in the repository."""
    command = ["cargo", "package", "--list", "--allow-dirty", "--offline", "--quiet", "--package", crate]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True, text=True)
    return [file for file in done.stdout.splitlines() if file not in ADDED]


def workspace(manifest: str) -> str:
    """Returns the manifest of a workspace of these crates: what they inherit from ours, and nothing else."""
    members = ", ".join(f'"{folder}"' for folder in CRATES)
    lines = ["# The crates that extensions of Funcdock depend on.", "[workspace]", f"members = [{members}]"]
    inherited = False
    for line in manifest.splitlines():
        if line.startswith("["):
            inherited = line.startswith("[workspace.")
        elif line == 'resolver = "3"':
            lines.append(line)
        # The other crates of ours are not there.
        if inherited and "{ path = " not in line:
            lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
