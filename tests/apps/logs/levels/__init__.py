import logging
import os

FORMAT = os.environ.get("LOG_FORMAT")
if FORMAT:
    # As in the developer guide.
    logging.getLogger().handlers[0].setFormatter(logging.Formatter(FORMAT))

logging.info("imported")


def main(req, context):
    logging.debug("at debug")
    logging.info("at info")
    logging.warning("at %s", "warning")
    logging.getLogger("shop.orders").error("at error")
    logging.critical("at critical")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("caught")
    return context.invocation_id
