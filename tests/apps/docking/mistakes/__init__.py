"""Returns the error of a wrong import or setting, by its name."""

import json

import azure.functions as func
from funcdock import extensions
from funcdock.extensions import answer, record


def unknown() -> None:
    from funcdock.extensions import recrod  # noqa: F401


MISTAKES = {
    "unknown": unknown,
    "unknown key": lambda: record.configure(lable="x"),
    "wrong type": lambda: record.configure(label=1),
    "not JSON": lambda: record.configure(label=object()),
    "not a number": lambda: record.configure(label=float("nan")),
    "app level": lambda: record(__file__),
    "other file": lambda: answer(json.__file__),
    "function level": lambda: answer(__file__, calls=1),
    "private": lambda: extensions._private,
}


def text_of(mistake: str) -> str:
    try:
        MISTAKES[mistake]()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


texts = {mistake: text_of(mistake) for mistake in MISTAKES}
texts["names"] = [name for name in dir(extensions) if name in ("answer", "record")]


def main(req: func.HttpRequest) -> str:
    return json.dumps(texts)
