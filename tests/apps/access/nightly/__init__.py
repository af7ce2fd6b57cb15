"""Says that it ran."""

import logging

import azure.functions as func


def main(data: func.TimerRequest) -> None:
    """Log what the timer says."""
    logging.info("nightly: the schedule is past due: %s", data.past_due)
