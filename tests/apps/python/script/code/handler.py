from . import name


def handle(req):
    return name.NAME
