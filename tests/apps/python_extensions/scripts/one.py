from shared_code.function_level import Own
from shared_code.recording import note

Own(__file__, "one")


def main(req, context):
    note(context)
    return "one"
