import azure.functions as func

running = []


def main(req: func.HttpRequest) -> str:
    """Computes for about half a second. Returns how many calls to this function have run at once at most meanwhile."""
    running.append(None)
    most = 0
    # Nothing here gives the GIL back.
    for _ in range(3_000_000):
        most = max(most, len(running))
    running.pop()
    return str(most)
