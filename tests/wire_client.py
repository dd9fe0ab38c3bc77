"""A channel's calls, one at a time, as SiteClient makes them: for tests that hold for both."""

from dataclasses import replace
from queue import SimpleQueue
from typing import Self

from booster.engine import Channel, Events, Fetched, Limits
from booster.exceptions import SiteError
from booster.net.address import ProvedTarget
from booster.net.call import Call, Response

PATIENCE = 30.0  # longer than any call of a test lasts


class WireClient:
    def __init__(self, target: ProvedTarget, *, timeout: float = 5.0) -> None:
        self._timeout = timeout
        self._events: Events = SimpleQueue()
        self.channel = Channel(target, Limits(), self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.channel.close()
        assert self._events.empty()

    def fetch(self, call: Call) -> Response:
        self.channel.fetch(7, replace(call, timeout=self._timeout))
        event = self._events.get(timeout=PATIENCE)
        if isinstance(event, BaseException):
            raise event
        assert isinstance(event, Fetched)
        assert event.key == 7
        if isinstance(event.result, SiteError):
            raise event.result
        return event.result
