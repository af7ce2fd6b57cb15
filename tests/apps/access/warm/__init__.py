"""Says that it ran."""

import logging


def main(data):
    """Log the data."""
    logging.info("warm got %r", data)
