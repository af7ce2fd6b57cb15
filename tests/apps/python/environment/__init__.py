import json
import os
import sys


def main(req):
    print("printed by", req.params.get("who", "the function"))
    print("an error line", file=sys.stderr)
    seen = {"cwd": os.getcwd(), "name": __name__, "argv": sys.argv, "path": sys.path}
    names = ("AzureWebJobsScriptRoot", "FUNCTIONS_WORKER_RUNTIME")
    return json.dumps({**seen, **{name: os.environ.get(name) for name in names}})
