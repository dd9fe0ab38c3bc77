"""A site that counts plays and goes wrong as it is told, many connections at once.

It remembers each play's number, so that a test can hold its own count against the engine's.
"""

import asyncio
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from typing import Self

NUMBER = re.compile(rb"idempotency-key: [^:\r]*:(\d+)", re.I)
LENGTH = re.compile(rb"content-length: (\d+)", re.I)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"

# What becomes of a play: is it counted, and which bytes answer it (None: the fault's own way).
FAULTS: dict[str, tuple[bool, bytes | None]] = {
    "ok": (True, OK),
    "chunked": (True, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    "bare line feeds": (True, b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    "folded headers": (True, OK.replace(b"\r\n\r\n", b"\r\nX-Note: one\r\n two\r\n\r\n")),
    "chunks and a length": (
        True,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n"
        b"2\r\nok\r\n0\r\n\r\n",
    ),
    "more than its length": (True, OK + b"ok"),
    "large headers": (True, OK.replace(b"\r\n\r\n", b"\r\nX-Filler: %s\r\n\r\n" % (b"x" * 40_000))),
    "early hints": (True, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK),
    "in two reads": (True, None),
    "closes after": (True, OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")),
    "closes unannounced": (True, None),
    "ends with the connection": (True, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"),
    "busy": (False, b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"),
    "unavailable": (
        False,
        b"HTTP/1.1 503 Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
    ),
    "conflict": (False, b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n"),
    "error before": (False, b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n"),
    "error after": (True, b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n"),
    "reset before": (False, None),
    "reset after": (True, None),
    "hangs up": (True, b""),
    "hangs before": (False, None),
    "hangs after": (True, None),
    "half a head": (True, OK[:12]),
    "half a body": (True, OK[:-1]),
    "two answers": (True, OK + OK),
    "one and a half": (True, OK + OK[:20]),
    "a long body": (True, LARGE + b"x" * 2_000_000),
    "a long head": (True, b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 100_000),
    "no http": (True, b"SSH-2.0-OpenSSH_9.2p1\r\n"),
}
HANG_UP = frozenset(
    {"closes after", "closes unannounced", "ends with the connection", "hangs up", "half a head"}
    | {"half a body", "a long body", "a long head"}
)

Choose = Callable[[int], str]  # which of FAULTS befalls the play with this number, this time


class FaultySite:
    """Runs in a thread of its own on a free port of 127.0.0.1."""

    def __init__(
        self, choose: Choose = lambda number: "ok", *, delay: float = 0.0, idempotent: bool = False
    ) -> None:
        self.counted: Counter[int] = Counter()  # by the play's number
        self.received: list[int] = []
        self.connections = 0
        self._choose = choose
        self._delay = delay
        self._idempotent = idempotent
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._socket.getsockname()[1]

    @property
    def plays(self) -> int:
        """What the site's counter shows."""
        return sum(self.counted.values())

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(asyncio.start_server(self._serve, sock=self._socket))
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()
        self._do(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do(self, job: object) -> None:
        asyncio.run_coroutine_threadsafe(job, self._loop).result(5)  # type: ignore[arg-type]

    async def _cancel_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer(await reader.readuntil(b"\r\n\r\n"), reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the engine went away, or the test is over
        finally:
            writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one play; False when the connection ends with it."""
        if length := LENGTH.search(head):
            await reader.readexactly(int(length[1]))
        found = NUMBER.search(head)
        number = int(found[1]) if found else len(self.received) + 1
        self.received.append(number)
        if self._delay:
            await asyncio.sleep(self._delay)
        fault = self._choose(number)
        counts, content = FAULTS[fault]
        if counts and not (self._idempotent and self.counted[number]):
            self.counted[number] += 1
        if fault.startswith("hangs") and fault != "hangs up":
            await asyncio.sleep(3600)
        if fault.startswith("reset"):
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        if fault == "in two reads":
            writer.write(OK[:25])
            await asyncio.sleep(0.002)
            content = OK[25:]
        writer.write(OK if content is None else content)
        await writer.drain()
        return fault not in HANG_UP
