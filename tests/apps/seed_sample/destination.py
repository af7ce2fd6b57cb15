"""The destination of the spans, and the service that the function calls: set by the test."""

import json
import os

SETTINGS = json.loads(os.environ["TRACING"])
SECOND_APP = os.environ["SECOND_APP"]
