def main(req):
    return f"Hello, {req.params['name']}!"
