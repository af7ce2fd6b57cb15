calls = 0


def main(req):
    global calls
    calls += 1
    return str(calls)
