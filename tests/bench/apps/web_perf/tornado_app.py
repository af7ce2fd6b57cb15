"""Takes a port and the number of processes."""

import asyncio
import sys

from row_asyncpg import random_row
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.process import fork_processes
from tornado.web import Application, RequestHandler


class Test(RequestHandler):
    async def get(self) -> None:
        self.write(await random_row())

    def log_request(self) -> None:
        pass


async def serve(sockets) -> None:
    server = HTTPServer(Application([("/test", Test)]))
    server.add_sockets(sockets)
    await asyncio.Event().wait()


if __name__ == "__main__":
    port, processes = map(int, sys.argv[1:])
    sockets = bind_sockets(port, "127.0.0.1")
    fork_processes(processes)
    asyncio.run(serve(sockets))
