from urllib.parse import parse_qs


async def app(scope, protocol):
    name = parse_qs(scope.query_string).get("name", ["world"])[0]
    headers = [("content-type", "text/plain; charset=utf-8")]
    protocol.response_str(200, headers, f"Hello, {name}!")
