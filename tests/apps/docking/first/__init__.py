from pathlib import Path

import azure.functions as func
from funcdock.extensions import answer, record

record.configure(file=Path("record.jsonl"), label="from code")
attachment = answer(__file__)


def main(req: func.HttpRequest) -> str:
    return repr(attachment)
