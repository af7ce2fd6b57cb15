import logging


def main(req):
    forged = req.get_body().decode()
    logging.info("of a request: %s", forged)
    logging.getLogger("logger" + forged).info("of a logger")
    try:
        raise KeyError(forged)
    except KeyError:
        logging.exception("of an exception")
    raise ValueError(forged)
