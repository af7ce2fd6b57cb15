import logging
import os

logging.info("imported")


def main(req):
    if "raise" in req.params:
        raise ValueError("on purpose")
    for _ in range(int(req.params["records"])):
        logging.info("a flood of %s", "x" * 1000)
    return str(os.getpid())
