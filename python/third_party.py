"""Lists the crates of others that the files of a wheel contain, and writes their licences into one text.

cargo says which crates those are: what is compiled for tests, macros and build scripts is not among them. The
texts are the files that each crate brings. Nothing is downloaded but crates that cargo does not have yet.

Usage: third_party.py TARGET > THIRD-PARTY.txt, with a target of Rust such as x86_64-unknown-linux-gnu
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
#: Names of files with a licence, or a notice that has to go with it.
LICENCE_FILE = re.compile(r"licen[sc]e|copying|copyright|notice", re.IGNORECASE)
#: Suffixes of such files. A program with such a name is not one.
TEXTS = ("", ".md", ".txt", ".apache", ".mit", ".rst")
#: The text of a licence for crates that come without a file: our own, but for the copyright.
STANDARD = {"MIT": "LICENSE-MIT", "Apache-2.0": "LICENSE-APACHE"}
#: What to say of a licence of which there is no text at hand.
REMARKS = {
    "Unicode-DFS-2016": "an earlier form of Unicode-3.0, whose text is below",
    "Zlib": "asks for no notice beside a program",
}
RULE = "=" * 80


@dataclass(frozen=True)
class Crate:
    """A crate that a file of the wheel contains."""

    id: str
    name: str
    version: str
    licence: str
    repository: str
    authors: tuple[str, ...]
    folder: Path
    is_ours: bool
    #: The ids of crates that it depends on, all of which the files contain, too.
    dependencies: tuple[str, ...] = field(default=())


def linked_crates(root: Path, target: str) -> list[Crate]:
    """Returns the crates that the program and the libraries contain, our own first, by name."""
    # Without a package, cargo takes the default members: what a wheel is made of.
    edges = ["--edges", "normal,no-proc-macro", "--target", target]
    tree = cargo(root, "tree", "--locked", *edges, "--prefix", "none", "--format", "{p}")
    linked = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    described = json.loads(
        cargo(root, "metadata", "--locked", "--format-version", "1", "--filter-platform", target)
    )
    needed = {
        node["id"]: [
            other["pkg"] for other in node["deps"] if any(kind["kind"] is None for kind in other["dep_kinds"])
        ]
        for node in described["resolve"]["nodes"]
    }
    packages = [package for package in described["packages"] if key(package) in linked]
    if len(packages) != len(linked):
        missing = linked - {key(package) for package in packages}
        sys.exit(f"cargo tree has crates that cargo metadata does not have: {sorted(missing)}")
    ids = {package["id"] for package in packages}
    crates = [
        Crate(
            id=package["id"],
            name=package["name"],
            version=package["version"],
            licence=(package["license"] or "").replace(" / ", " OR ").replace("/", " OR "),
            repository=package["repository"] or package["homepage"] or "",
            authors=tuple(package["authors"]),
            folder=Path(package["manifest_path"]).parent,
            is_ours=package["source"] is None,
            dependencies=tuple(other for other in needed[package["id"]] if other in ids),
        )
        for package in packages
    ]
    return sorted(crates, key=lambda crate: (not crate.is_ours, crate.name, crate.version))


def key(package: dict[str, str]) -> tuple[str, ...]:
    """Returns what cargo tree prints of a package."""
    return package["name"], f"v{package['version']}"


def cargo(root: Path, *arguments: str) -> str:
    """Returns what cargo prints."""
    try:
        done = subprocess.run(["cargo", *arguments], cwd=root, stdout=subprocess.PIPE, check=True)
    except FileNotFoundError:
        sys.exit("There is no cargo in PATH, which knows the crates: install Rust from https://rustup.rs.")
    except subprocess.CalledProcessError as error:
        sys.exit(f"cargo {arguments[0]} failed with status {error.returncode}; its messages above say why.")
    return done.stdout.decode()


def licence_files(crate: Crate) -> list[Path]:
    """Returns the files of a crate with its licences and notices."""
    return sorted(
        file
        for file in crate.folder.iterdir()
        if LICENCE_FILE.search(file.name) and file.suffix.lower() in TEXTS and file.is_file()
    )


def text_of(file: Path) -> str:
    """Returns a file's text, such that equal ones are equal: without spaces at the ends of lines."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def without_a_file(crate: Crate, root: Path) -> str:
    """Returns the licence of a crate that has no file of it."""
    ids = re.findall(r"[\w.+-]+", re.sub(r"\b(?:AND|OR|WITH)\b|[()]", " ", crate.licence))
    known = [STANDARD[name] for name in ids if name in STANDARD]
    remarks = [f"{name}: {REMARKS[name]}." for name in ids if name in REMARKS]
    if not known and not remarks:
        sys.exit(
            f"The crate {crate.name} {crate.version} has no file with its licence ({crate.licence}): look "
            f"at {crate.repository or 'its page'}, and add what holds to {Path(__file__).name}."
        )
    authors = ", ".join(re.sub(r"\s*<.*?>", "", author) for author in crate.authors)
    whose = f"Copyright (c) {authors or f'the authors of {crate.name}'}"
    texts = [re.sub(r"(?m)^Copyright \(c\).*$", whose, text_of(root / file), count=1) for file in known[:1]]
    return "\n\n".join([*remarks, *([] if texts else [whose]), *texts])


def notices(root: Path, crates: list[Crate]) -> str:
    """Returns the text: all crates, then each licence once, with the crates that it is of."""
    others = [crate for crate in crates if not crate.is_ours]
    of: dict[str, list[str]] = {}
    for crate in others:
        files = licence_files(crate)
        for text in map(text_of, files) if files else [without_a_file(crate, root)]:
            names = of.setdefault(text, [])
            if (name := f"{crate.name} {crate.version}") not in names:
                names.append(name)
    head = [
        "Funcdock's program and libraries contain the crates below, and the standard library of Rust:",
        "MIT OR Apache-2.0, Copyright (c) The Rust Project contributors, https://github.com/rust-lang/rust.",
        "Each crate is under its own licence. Their sources are at https://crates.io/crates/NAME/VERSION.",
        "",
    ]
    rows = [f"{crate.name} {crate.version}: {crate.licence}. {crate.repository}".rstrip() for crate in others]
    texts = [
        f"\n{RULE}\n{', '.join(names)}\n{RULE}\n\n{text}"
        for text, names in sorted(of.items(), key=lambda item: item[1])
    ]
    return "\n".join([*head, *rows, *texts]) + "\n"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: third_party.py TARGET, such as x86_64-unknown-linux-gnu")
    sys.stdout.write(notices(REPOSITORY, linked_crates(REPOSITORY, sys.argv[1])))


if __name__ == "__main__":
    main()
