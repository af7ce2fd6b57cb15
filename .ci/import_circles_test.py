"""Tests of import-circles: trees with and without circles."""

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

SCRIPT = Path(__file__).with_name("import-circles")


def load() -> ModuleType:
    """Loads the script, whose name is not a valid module name."""
    sys.dont_write_bytecode = True
    loader = SourceFileLoader("import_circles", str(SCRIPT))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


CIRCLES = load()


def check(files: dict[str, str], *options: str) -> tuple[int, str]:
    """Checks a crate with these files. Returns the exit status and the output."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            file = Path(folder, "src", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = CIRCLES.main([*options, "--repository", folder, "src"])
        return status, output.getvalue()


GOOD = {
    "lib.rs": "mod app;\nmod model;\nmod worker;\n",
    "model.rs": "pub struct Call;\n",
    "app/mod.rs": "mod read;\nmod error;\npub use error::AppError;\npub struct App;\n",
    "app/error.rs": "pub struct AppError;\n",
    "app/read.rs": "use super::{App, AppError};\nuse crate::model::Call;\n",
    "worker/mod.rs": "use crate::app::App;\nmod link;\nuse link::Link;\npub struct Worker;\n",
    "worker/link.rs": "use super::Worker;\npub struct Link;\n",
}


class ImportCircles(unittest.TestCase):
    def assert_circle(self, files: dict[str, str], *expected: str) -> None:
        status, output = check(files)
        self.assertEqual(status, 1, output)
        for text in expected:
            self.assertIn(text, output)

    def assert_none(self, files: dict[str, str]) -> None:
        status, output = check(files)
        self.assertEqual((status, output), (0, ""))

    def test_a_tree_without_circles_passes(self) -> None:
        self.assert_none(GOOD)

    def test_two_folders_that_import_each_other(self) -> None:
        self.assert_circle(
            {**GOOD, "app/error.rs": "\nuse crate::worker::Worker;\npub struct AppError;\n"},
            "src: these folders import each other: app, worker\n",
            "  app -> worker\n    src/app/error.rs:2: crate::worker::Worker\n",
            "  worker -> app\n    src/worker/mod.rs:1: crate::app::App\n",
        )

    def test_a_circle_through_a_third_folder(self) -> None:
        self.assert_circle(
            {**GOOD, "model.rs": "use crate::worker::Worker;\npub struct Call;\n"},
            "these folders import each other: app, model, worker\n",
            "  model -> worker\n",
        )

    def test_an_inline_path(self) -> None:
        self.assert_circle(
            {**GOOD, "model.rs": "pub struct Call;\n\nfn f() -> crate::worker::Worker { todo() }\n"},
            "src/model.rs:3: crate::worker::Worker\n",
        )

    def test_a_nested_group(self) -> None:
        self.assert_circle(
            {**GOOD, "model.rs": "use crate::{\n    worker::{self, Worker as W},\n};\npub struct Call;\n"},
            "src/model.rs:1: crate::worker\n",
            "src/model.rs:1: crate::worker::Worker\n",
        )

    def test_a_path_from_a_submodule(self) -> None:
        self.assert_circle(
            {**GOOD, "app/error.rs": "use super::super::worker;\npub struct AppError;\n"},
            "src/app/error.rs:1: super::super::worker\n",
        )

    def test_siblings_in_a_folder(self) -> None:
        self.assert_circle(
            {**GOOD, "app/error.rs": "use super::read::f;\npub struct AppError;\n"},
            "src/app: these folders import each other: error, read\n",
            # Through the re-export in app/mod.rs.
            "  read -> error\n    src/app/read.rs:1: super::AppError\n",
        )

    def test_a_glob_re_export(self) -> None:
        self.assert_circle(
            {
                "lib.rs": "mod a;\n",
                "a/mod.rs": "mod one;\nmod two;\npub use one::*;\n",
                "a/one.rs": "use super::two::Two;\npub struct One;\n",
                "a/two.rs": "use super::One;\npub struct Two;\n",
            },
            "src/a: these folders import each other: one, two\n",
        )

    def test_test_code_does_not_count(self) -> None:
        test = "#[cfg(test)]\nmod tests {\n    use crate::worker::Worker;\n    mod deep {}\n}\n"
        use = "#[cfg(test)]\nuse crate::worker::{self, Worker};\n"
        function = '#[cfg(test)]\n#[allow(dead_code)]\nfn f() { crate::worker::g("}"); }\n'
        self.assert_none(
            {
                **GOOD,
                "model.rs": f"{test}{use}{function}pub struct Call;\n#[cfg(test)]\npub(crate) mod testing;\n",
                "model/testing.rs": "use crate::worker::Worker;\n",
                "app/tests.rs": "use crate::worker::Worker;\n",
                "app/tests/more.rs": "use crate::worker::Worker;\n",
            }
        )

    def test_code_after_test_code_counts(self) -> None:
        text = "#[cfg(test)]\nmod tests { fn f() { '{'; } }\nuse crate::worker::Worker;\npub struct Call;\n"
        self.assert_circle({**GOOD, "model.rs": text}, "src/model.rs:3: crate::worker::Worker\n")

    def test_comments_and_literals_do_not_count(self) -> None:
        text = (
            "//! [`crate::worker::Worker`]\n/* use crate::worker::Worker; */\n"
            'const A: &str = "use crate::worker::Worker;";\nconst B: &str = r#"crate::worker::"Worker""#;\n'
            "fn f<'a>(x: &'a str) -> char { '\"' }\npub struct Call;\n"
        )
        self.assert_none({**GOOD, "model.rs": text})

    def test_visibility_is_not_an_import(self) -> None:
        self.assert_none({**GOOD, "model.rs": "pub(in crate::worker) struct Call;\n"})

    def test_modules_and_submodules_are_shown_on_request(self) -> None:
        status, output = check(GOOD, "--files")
        self.assertEqual(status, 0)
        self.assertIn(
            "note: worker::link and worker use each other: src/worker/link.rs:1: super::Worker\n", output
        )


if __name__ == "__main__":
    unittest.main()
