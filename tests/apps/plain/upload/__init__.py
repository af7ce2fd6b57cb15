async def main(req) -> str:
    return str(req.form)
