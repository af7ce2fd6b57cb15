import logging

import azure.functions as func


def main(timer: func.TimerRequest) -> None:
    delay = "late" if timer.past_due else "on time"
    logging.info("template-name runs %s", delay)
