import logging

import azure.functions as func


def main(blob: func.InputStream) -> None:
    logging.info("template-name got %s, %d bytes", blob.name, len(blob.read()))
