import falcon
from row_sync import random_row


class Test:
    def on_get(self, _: falcon.Request, response: falcon.Response) -> None:
        response.media = random_row()


app = falcon.App()
app.add_route("/test", Test())
