import logging

from django.apps import AppConfig
from django.core.signals import request_finished

logger = logging.getLogger(__name__)


def log_end(**_: object) -> None:
    logger.info("a request has finished")


class BooksConfig(AppConfig):
    name = "books"

    def ready(self) -> None:
        # Django sends it when the server closes the response, and then gives back database connections.
        request_finished.connect(log_end)
