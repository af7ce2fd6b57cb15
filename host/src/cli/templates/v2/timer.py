import logging

import azure.functions as func

template_app = func.FunctionApp()


# Second, minute, hour, day, month, day of the week: every five minutes.
@template_app.function_name(name="template-name")
@template_app.schedule(schedule="0 */5 * * * *", arg_name="timer")
def template_def(timer: func.TimerRequest) -> None:
    delay = "late" if timer.past_due else "on time"
    logging.info("template-name runs %s", delay)
