"""Tests of check-links: pages with links that lead somewhere, and others."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).with_name("check-links")


def load() -> ModuleType:
    """Loads the script, whose name is not a valid module name."""
    sys.dont_write_bytecode = True
    loader = SourceFileLoader("check_links", str(SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


LINKS = load()


def check(files: dict[str, str]) -> list[str]:
    """Returns what is wrong in a repository with these files, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = LINKS.main(Path(folder))
        lines = output.getvalue().splitlines()
        assert status == (1 if lines else 0), output.getvalue()
        return lines


class Links(unittest.TestCase):
    def test_links_that_lead_somewhere(self) -> None:
        page = (
            "# A page\n\nSee [the other](other.md), [its part](other.md#the-part-of-it-),\n"
            "[this one](#a-page), [a file](x/y.txt), [the web](https://example.org/none#none),\n"
            "[mail](mailto:a@example.org), ![a picture](<x/y.txt>),\n"
            '[a title](other.md "of it") and [a text over\ntwo lines](other.md#again-1).\n'
        )
        other = "## The part of *it* …\n\n## Again\n\n## `Again`\n"
        self.assertEqual(check({"README.md": page, "other.md": other, "x/y.txt": ""}), [])

    def test_a_file_that_is_not_there(self) -> None:
        self.assertEqual(
            check({"README.md": "one\n\n[two](docs/two.md)\n"}),
            ["README.md:3: docs/two.md: there is no such file"],
        )

    def test_a_heading_that_is_not_there(self) -> None:
        (line,) = check({"README.md": "# One\n[a\nlink](#two)\n"})
        self.assertEqual(line, "README.md:3: #two: README.md has no such heading; it has #one")

    def test_a_heading_of_a_picture(self) -> None:
        (line,) = check({"README.md": "[a](a.png#b)\n", "a.png": ""})
        self.assertIn("only a Markdown page has headings", line)

    def test_code_and_comments_have_no_links(self) -> None:
        page = (
            "`[a](none)` ``[b](none) ` ``\n\n````text\n```\n[c](none)\n````\n\n"
            "<!-- [d](none)\n-->\n~~~\n# No heading\n~~~\n"
        )
        self.assertEqual(check({"README.md": page}), [])
        (line,) = check({"README.md": page + "[e](none)\n"})
        self.assertTrue(line.startswith("README.md:13: none:"), line)

    def test_code_has_no_headings(self) -> None:
        (line,) = check({"README.md": "```sh\n# one\n```\n[a](#one)\n"})
        self.assertIn("no such heading", line)

    def test_the_book_is_read_alone(self) -> None:
        files = {
            "docs/src/SUMMARY.md": "[A](a.md)\n",
            "docs/src/a.md": "[a](../../README.md)\n",
            "README.md": "",
        }
        (line,) = check(files)
        self.assertIn("docs/src/a.md:1: ../../README.md: it leads out of the book", line)

    def test_every_page_is_in_the_summary(self) -> None:
        files = {
            "docs/src/SUMMARY.md": "[A](a.md)\n- [B](b/b.md)\n",
            "docs/src/a.md": "",
            "docs/src/b/b.md": "",
        }
        self.assertEqual(check(files), [])
        (line,) = check({**files, "docs/src/c.md": ""})
        self.assertEqual(line, "docs/src/c.md: SUMMARY.md does not list it, so the book does not have it")

    def test_folders_of_builds_are_skipped(self) -> None:
        self.assertEqual(check({"target/a.md": "[a](b)", "docs/book/a.md": "[a](b)"}), [])


if __name__ == "__main__":
    unittest.main()
