import logging

import azure.functions as func

template_app = func.FunctionApp()


# The app setting AzureWebJobsStorage says where the container "uploads" is.
@template_app.function_name(name="template-name")
@template_app.blob_trigger(
    arg_name="blob",
    path="uploads/{name}",
    connection="AzureWebJobsStorage",
)
def template_def(blob: func.InputStream) -> None:
    logging.info("template-name got %s, %d bytes", blob.name, len(blob.read()))
