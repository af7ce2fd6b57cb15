from shared_code import calls
from shared_code.function_level import Own

own = Own(__file__)


def main(req, context):
    return calls.returns(context)
