"""A channel finds the pace of real sites: what it learns, and what it is told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue

import pytest

from booster.engine import Channel, Events, Learned, Limits, OrderStopped, Window, WindowEnded
from booster.net.play import PlayRequest
from tests.raw_server import Connection, RawServer, answer
from tests.sites import DemoSite
from tests.targets import proved

LIMITS = Limits(connections=16)
PLAY = PlayRequest(
    method="POST",
    path="/api/videos/harbour-at-dawn/plays",
    headers=(),
    body=b"",
    counted=frozenset({200}),
    idempotent=False,
)


@contextmanager
def opened(port: int, learned: Learned | None = None) -> Iterator[tuple[Channel, Events]]:
    events: Events = SimpleQueue()
    target = proved(f"http://127.0.0.1:{port}")
    channel = Channel(target, LIMITS, events, learned=learned)
    try:
        channel.open(1, PLAY)
        yield channel, events
    finally:
        channel.close()


def play_for(seconds: float, channel: Channel, events: Events) -> None:
    """More plays than a limited site takes in that time; what is left ends with the channel."""
    channel.send(1, Window(1, 100_000, time.monotonic() + 60))
    with suppress(Empty):
        raise AssertionError(f"not expected: {events.get(timeout=seconds)}")


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("status", [503, 429])
def test_a_sites_rate_is_found_and_the_next_channel_starts_with_it(status: int) -> None:
    with DemoSite(control=True) as site:
        site.fault("plays", "status", status=status, over=20, burst=1)
        with opened(site.port) as (channel, events):
            play_for(12, channel, events)
            learned = channel.learned
        assert learned.connections is None
        assert learned.rate is not None
        assert 14 < learned.rate < 24

        before, refused = site.views("harbour-at-dawn"), site.faults()[0]["strikes"]
        with opened(site.port, learned) as (channel, events):
            play_for(4, channel, events)
        counted, refused = (
            site.views("harbour-at-dawn") - before,
            site.faults()[0]["strikes"] - refused,
        )
        assert counted > 0.7 * 20 * 4
        assert refused < 0.25 * counted


@pytest.mark.timing
def test_a_site_that_refuses_for_good_what_comes_too_fast_gets_less_the_next_time() -> None:
    with DemoSite(control=True) as site:
        site.fault("plays", "status", status=403, over=20, burst=10)
        with opened(site.port) as (channel, events):
            channel.send(1, Window(1, 100, time.monotonic() + 60))
            while not isinstance(stopped := events.get(timeout=20), OrderStopped):
                pass
            assert stopped.stopped == "refused"
            time.sleep(1.5)
            assert channel.learned.rate is not None
            assert channel.learned.rate < 60


class ParallelSite:
    """Counts how many plays it has at once, each for a little while."""

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.at_once = self.highest = 0
        self._lock = threading.Lock()

    def __call__(self, connection: Connection) -> None:
        while connection.read_request():
            with self._lock:
                self.at_once += 1
                self.highest = max(self.highest, self.at_once)
                takes = self.at_once <= self.most
            if takes:
                time.sleep(0.02)
            with self._lock:
                self.at_once -= 1
            connection.send(answer() if takes else answer(status="503 Busy"))


def play(channel: Channel, events: Events, first: int, count: int) -> dict[int, int]:
    channel.send(1, Window(first, count, time.monotonic() + 60))
    event = events.get(timeout=30)
    assert isinstance(event, WindowEnded)
    assert event.tally.counted == count
    return event.tally.statuses


def highest(site: ParallelSite, do: Callable[[], object]) -> int:
    site.highest = 0
    do()
    return site.highest


def test_a_channel_begins_with_as_many_at_once_as_were_learned() -> None:
    site = ParallelSite()
    with (
        RawServer(site) as server,
        opened(server.port, Learned(connections=2)) as (channel, events),
    ):
        assert highest(site, lambda: play(channel, events, 1, 100)) == 2
        assert channel.learned == Learned(connections=2)


@pytest.mark.slow
@pytest.mark.timing
def test_where_so_many_at_once_are_let_in_as_many_are_sent() -> None:
    """On a busy machine the plays come so unevenly that a limit of their rate explains them as
    well; of six tries one is calm."""
    found = []
    while len(found) < 6 and Learned(connections=3) not in found:
        site = ParallelSite(most=3)
        with RawServer(site) as server, opened(server.port) as (channel, events):
            play_for(8, channel, events)
            found.append(channel.learned)
            at_once = highest(site, lambda: time.sleep(1))
    assert found[-1] == Learned(connections=3)
    assert at_once <= 4
