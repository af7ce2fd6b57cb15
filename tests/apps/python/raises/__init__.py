import os


class OwnError(Exception):
    pass


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError


def deep(depth):
    return deep(depth + 1) + 1


def chained():
    try:
        {}["missing"]
    except KeyError as error:
        raise OwnError("chained") from error


def raised(what):
    if what == "value":
        raise ValueError("a value is wrong")
    if what == "own":
        raise OwnError("with \N{SNAKE}\nand a second line")
    if what == "unprintable":
        raise Unprintable
    if what == "chained":
        chained()
    if what == "recursion":
        deep(0)
    if what == "exit":
        raise SystemExit(3)
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "base":
        raise BaseException("base")
    if what == "generator":
        raise GeneratorExit
    if what == "die":
        os._exit(3)
    return str(os.getpid())


def main(req):
    return raised(req.params["what"])


async def main_async(req):
    return raised(req.params["what"])
