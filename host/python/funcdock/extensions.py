"""Native worker extensions by name: ``from funcdock.extensions import opencensus, rate_limit``.

Every name in this module is an extension's, except ``Context`` and these two imports.
"""

from .dock import find as __getattr__  # noqa: F401
from .dock import names as __dir__  # noqa: F401
