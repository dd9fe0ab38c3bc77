"""A server that does nothing but count POSTs: `python -m tests.benchmarks.fast_server PORT [MS]`.

It answers each after MS milliseconds, or at once; `GET /count` says how many there were.
"""

import asyncio
import socket
import sys
from collections import deque
from typing import cast

import httptools
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"
ANSWER += b'"views":123}'

READ_BUFFER = memoryview(bytearray(64 * 1024))
TICK = 0.001


class Server:
    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.plays = 0
        self.due: deque[tuple[float, asyncio.Transport]] = deque()

    async def run(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        server = await loop.create_server(lambda: Connection(self), sock=listener)
        print(listener.getsockname()[1], flush=True)
        while self.delay:
            await asyncio.sleep(TICK)
            now = loop.time()
            while self.due and self.due[0][0] <= now:
                transport = self.due.popleft()[1]
                if not transport.is_closing():
                    transport.write(ANSWER)
        await server.serve_forever()


class Connection(asyncio.BufferedProtocol):
    def __init__(self, server: Server) -> None:
        self.server = server
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return READ_BUFFER

    def buffer_updated(self, size: int) -> None:
        self.parser.feed_data(READ_BUFFER[:size])

    def on_message_complete(self) -> None:
        server = self.server
        if self.parser.get_method() == b"GET":
            count = b"%d" % server.plays
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(count), count)
            )
            return
        server.plays += 1
        if server.delay:
            due = asyncio.get_running_loop().time() + server.delay
            server.due.append((due, self.transport))
        else:
            self.transport.write(ANSWER)


if __name__ == "__main__":
    milliseconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    uvloop.run(Server(milliseconds / 1000).run(int(sys.argv[1])))
