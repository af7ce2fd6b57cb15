"""Native worker extensions by name: ``from funcdock.extensions import opencensus, rate_limit``.

Nothing else is in here: every other name is an extension's.
"""

from .dock import find as __getattr__  # noqa: F401
from .dock import names as __dir__  # noqa: F401
