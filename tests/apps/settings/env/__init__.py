import os


def main(req):
    return os.environ.get(req.params["name"], "<unset>")
