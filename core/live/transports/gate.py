"""Stands before the sockets of a process: a refusal costs a handshake and no query."""

import time
from collections import Counter, OrderedDict
from typing import Any

from django.conf import settings

from core.live.transports.requests import is_same_origin, session_key
from core.logins.addresses import network_of

# New sockets a second of one address that has had its full number; a whole office may come back at
# once. A page that cannot connect polls meanwhile.
PER_SECOND = 5.0
REMEMBERED = 10_000


class SocketGate:
    """Lets a socket through to `app` if it comes from our own pages, has a session, and is not one
    too many of its address. Sets `scope["cookies"]`."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.open: Counter[str] = Counter()
        self.arrivals = Arrivals()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        client = scope.get("client")
        address = network_of(client[0]) if client else ""
        if not self.may_enter(scope, address):
            await receive()
            await send({"type": "websocket.close"})  # before it is accepted: 403
            return
        self.open[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.open[address] -= 1
            if not self.open[address]:
                del self.open[address]

    def may_enter(self, scope: Any, address: str) -> bool:
        return (
            bool(session_key(scope))
            and is_same_origin(scope)
            and self.open[address] < settings.LIVE_SOCKETS_PER_ADDRESS
            and self.arrivals.count(address, time.monotonic())
        )


class Arrivals:
    """A token bucket for each address."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, address: str, now: float) -> bool:
        """Whether one more may come now."""
        most = float(settings.LIVE_SOCKETS_PER_ADDRESS)
        tokens, then = self._buckets.pop(address, (most, now))
        tokens = min(most, tokens + (now - then) * PER_SECOND)
        may = tokens >= 1
        self._buckets[address] = (tokens - may, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return may
