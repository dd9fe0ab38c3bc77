"""The running program: listens, keeps the time, saves the counters, stops when it is told to."""

import asyncio
import gc
import resource
import signal
import ssl
import sys
import time
from email.utils import formatdate

from .connection import Connection
from .site import Site
from .state import StateFile

TICK_SECONDS = 0.1
SWEEP_SECONDS = 1.0
STOP_SECONDS = 2.0  # for answers that are under way
MAX_CONNECTIONS = 10_000
BACKLOG = 4096


class Server:
    connection_class = Connection

    def __init__(self, site: Site, state: StateFile | None) -> None:
        self.site = site
        self.stopping = False
        self.now = time.monotonic()  # coarse: set by the tick
        self.date = b""
        self._next_sweep = self.now
        self._state = state
        self._connections: set[Connection] = set()

    async def run(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Serve until SIGTERM or SIGINT. Raises OSError when the address is not to be had."""
        loop = asyncio.get_running_loop()
        _allow_open_files(MAX_CONNECTIONS + 100)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        self._tick(loop)
        listener = await loop.create_server(
            lambda: self.connection_class(self),
            host,
            port,
            ssl=tls,
            backlog=BACKLOG,
            reuse_address=True,
        )
        scheme = "http" if tls is None else "https"
        shown = f"[{host}]" if ":" in host else host
        port = listener.sockets[0].getsockname()[1]
        sys.stdout.write(f"Demo video site ready at {scheme}://{shown}:{port}\n")
        sys.stdout.flush()
        gc.freeze()  # what is here now stays: the collector need not look at it again
        await stop.wait()
        await self._stop(listener)

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in; False when there are too many."""
        if self.stopping or len(self._connections) >= MAX_CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = time.monotonic()
        self.date = formatdate(usegmt=True).encode()
        if self._state is not None:
            self._state.tick(loop)
        if self.now >= self._next_sweep:
            self._next_sweep = self.now + SWEEP_SECONDS
            for connection in tuple(self._connections):
                connection.sweep(self.now)
        loop.call_later(TICK_SECONDS, self._tick, loop)

    async def _stop(self, listener: asyncio.Server) -> None:
        self.stopping = True
        listener.close()
        for connection in tuple(self._connections):
            connection.finish()
        patience = time.monotonic() + STOP_SECONDS
        while self._connections and time.monotonic() < patience:
            await asyncio.sleep(0.02)
        for connection in tuple(self._connections):
            connection.abort()
        if self._state is not None:
            await self._state.close()


def _allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
