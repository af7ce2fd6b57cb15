import shared_code.things
from __app__.shared_code import things as deprecated
from shared_code import things as absolute

from . import helper
from ..shared_code import things as relative
from .helper import NAME


def main(req):
    modules = (absolute, relative, deprecated, shared_code.things)
    assert helper.NAME == NAME
    return ", ".join([NAME, *(module.thing() for module in modules)])
