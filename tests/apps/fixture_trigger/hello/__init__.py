def main(req):
    name = req.params.get("name") or req.get_json()["name"]
    return f"Hello, {name}!"
