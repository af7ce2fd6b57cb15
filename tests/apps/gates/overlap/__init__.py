import threading
import time

import azure.functions as func

LOCK = threading.Lock()
running = most = 0


def main(req: func.HttpRequest) -> str:
    """Returns how many calls to this function have run at once at most so far."""
    global running, most
    with LOCK:
        running += 1
        most = max(most, running)
    time.sleep(0.02)
    with LOCK:
        running -= 1
    return str(most)
