"""Says who it is."""


def main(req):
    """Return the function's name."""
    return "open"
