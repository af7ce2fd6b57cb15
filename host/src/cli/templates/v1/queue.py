import logging

import azure.functions as func


def main(message: func.QueueMessage) -> None:
    logging.info("template-name got %s", message.get_body().decode())
