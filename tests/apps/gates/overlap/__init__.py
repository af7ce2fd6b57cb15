import threading
import time

import azure.functions as func

LOCK = threading.Lock()
running = most = 0


def main(req: func.HttpRequest) -> str:
    """The most calls of this function that have run at once so far."""
    global running, most
    with LOCK:
        running += 1
        most = max(most, running)
    time.sleep(0.02)
    with LOCK:
        running -= 1
    return str(most)
