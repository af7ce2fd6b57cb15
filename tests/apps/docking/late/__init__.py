import azure.functions as func
from funcdock.extensions import record


def main(req: func.HttpRequest) -> str:
    try:
        record.configure(label="late")
    except RuntimeError as error:
        return str(error)
    return "nothing"
