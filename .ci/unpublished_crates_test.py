"""Tests of unpublished-crates: places in the index, and what an entry says."""

from __future__ import annotations

import sys
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).with_name("unpublished-crates")


def load() -> ModuleType:
    # Else a folder of bytecode lies beside the script.
    sys.dont_write_bytecode = True
    spec = spec_from_loader("unpublished_crates", SourceFileLoader("unpublished_crates", str(SCRIPT)))
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class UnpublishedCrates(unittest.TestCase):
    def test_places_in_the_index(self) -> None:
        path = load().path
        self.assertEqual(path("a"), "1/a")
        self.assertEqual(path("h2"), "2/h2")
        self.assertEqual(path("syn"), "3/s/syn")
        self.assertEqual(path("funcdock-extension-abi"), "fu/nc/funcdock-extension-abi")

    def test_versions_also_yanked_ones(self) -> None:
        entry = '{"name":"a","vers":"1.0.0","yanked":false}\n{"name":"a","vers":"1.0.1","yanked":true}\n'
        self.assertEqual(load().versions(entry), {"1.0.0", "1.0.1"})

    def test_a_crate_that_the_index_does_not_have_has_no_version(self) -> None:
        self.assertEqual(load().versions(""), set())


if __name__ == "__main__":
    unittest.main()
