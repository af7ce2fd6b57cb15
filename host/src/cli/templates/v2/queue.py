import logging

import azure.functions as func

template_app = func.FunctionApp()


# The app setting AzureWebJobsStorage says where the queue is.
@template_app.function_name(name="template-name")
@template_app.queue_trigger(
    arg_name="message",
    queue_name="work-items",
    connection="AzureWebJobsStorage",
)
def template_def(message: func.QueueMessage) -> None:
    logging.info("template-name got %s", message.get_body().decode())
