def main(req):
    return "together"
