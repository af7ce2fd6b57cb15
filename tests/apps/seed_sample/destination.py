"""Where the spans go, and whom the function asks: as the test says."""

import json
import os

SETTINGS = json.loads(os.environ["TRACING"])
SECOND_APP = os.environ["SECOND_APP"]
