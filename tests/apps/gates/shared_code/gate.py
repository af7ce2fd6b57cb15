"""Gates: a test waits until a call has entered one, then opens it."""

from pathlib import Path

ROOT = Path(__file__).parent.parent


def enter(name):
    (ROOT / f"{name}.entered").touch()


def is_open(name):
    return (ROOT / f"{name}.open").exists()


def leave(name):
    (ROOT / f"{name}.left").touch()
