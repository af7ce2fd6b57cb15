"""A function in a folder."""

import azure.functions as func


def main(req: func.HttpRequest) -> str:
    return f"Hello, {req.params.get('name', 'World')}!"
