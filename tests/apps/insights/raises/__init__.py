"""Raises, and leaves it to the host to say so."""


def main(req):
    return fail(req)


def fail(req):
    raise ValueError("no luck")
