"""A site as one round sees it: its orders' plays and its calls, over connections of its own.

A Channel stands between two threads. The round's thread reserves windows and tells; the wire's
thread (wire.py) does all the work and reports into one queue (interface.py). No method waits, but
`close()`. Every window is reported as ended exactly once, unless its order was dropped or the
channel closed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event

from booster.engine.batch import Batch
from booster.engine.calls import CallTurn
from booster.engine.dispatch import Dispatch
from booster.engine.fetching import Fetcher
from booster.engine.interface import Events, Learned, Limits, Window
from booster.engine.order import OrderPlays
from booster.engine.wire import Wire
from booster.exceptions import SiteCode, SiteError
from booster.net.address import Origin, ProvedTarget, proved_at
from booster.net.call import Call
from booster.net.play import PlayRequest

CLOSE_SECONDS = 1.0  # until the wire has come by
LONGEST_WAIT_SECONDS = 15.0  # a call that waited so long for its turn is made without


class Channel:
    """One site. Its orders share `limits`. `learned`: by an earlier channel to it. `plays_at`: None
    for its own origin. TypeError for a target that has not shown its token, KeyError for an order
    that is not open."""

    def __init__(
        self,
        target: ProvedTarget,
        limits: Limits,
        events: Events,
        *,
        learned: Learned | None = None,
        plays_at: Origin | None = None,
    ) -> None:
        self._plays_at = proved_at(target, plays_at)
        self._target = target
        self._limits = limits
        self._events = events
        self._orders: dict[int, OrderPlays] = {}
        self._closed = False
        self._wire = Wire.current()
        self._dispatch = Dispatch(self._wire, self._plays_at, limits, events, learned)
        self._fetcher = Fetcher(self._wire, target, events, self._dispatch)
        self._wire.call(self._wire.open, events)

    def open(self, key: int, play: PlayRequest) -> None:
        """An order begins. ValueError: a play that must not be sent, or not there, or a key in
        use. TypeError: to an origin that has not shown the token."""
        self._check_open()
        if key in self._orders:
            raise ValueError(f"order {key} is open")
        if proved_at(self._target, play.origin) != self._plays_at:
            raise ValueError(f"plays go to {self._plays_at.origin} here")
        self._orders[key] = OrderPlays(key, self._plays_at.origin, play)

    def send(self, key: int, window: Window) -> None:
        """A window of the order. Nothing of it leaves after it has expired."""
        self._wire.call(self._dispatch.add, Batch(window, self._orders[key]))

    def renew(self, key: int, expires: float) -> None:
        """All that the order was sent so far may leave until then (time.monotonic)."""
        self._wire.call(self._dispatch.renew, self._orders[key], expires)

    def halt(self, key: int) -> None:
        """No further play of the order starts. Unsent plays end at once, those in flight within
        seconds; a window sent later comes back unsent."""
        reason = SiteError(SiteCode.ORDER_STOPPED)
        self._wire.call(self._dispatch.halt, self._orders[key], "stopped", reason)

    def drop(self, key: int) -> None:
        """The order is somebody else's now: what is in flight is broken off, its calls too, and
        nothing more is reported. Events already in the queue are still to be read."""
        self._wire.call(self._dispatch.drop, self._orders.pop(key))
        self._wire.call(self._fetcher.drop, key)

    def fetch(self, key: int, call: Call) -> None:
        """One call, answered by a Fetched event of the key, which need not be an order's.
        ValueError: a path or header that must not be sent. TypeError: to an origin that has not
        shown the token."""
        self._check_open()
        call.message(proved_at(self._target, call.origin).origin)
        self._wire.call(self._fetcher.fetch, key, call)

    @contextmanager
    def turn(self, origin: Origin) -> Iterator[None]:
        """A turn among the plays at this origin, for a call that another thread makes: it waits for
        the turn and has it while it lasts. A closed channel has no pace to wait for."""
        if origin != self._plays_at.origin:
            yield
            return
        come = Event()
        turn = CallTurn(come.set)
        self._wire.call(self._dispatch.calls.add, turn)
        try:
            come.wait(LONGEST_WAIT_SECONDS)
            yield
        finally:
            self._wire.call(self._dispatch.calls.end, turn)

    def change(self, *, connections: int, rate: float | None) -> None:
        self._limits = replace(self._limits, connections=connections, rate=rate)
        self._wire.call(self._dispatch.change, self._limits)

    def make_way(self, seconds: float) -> None:
        """Start nothing for so long: a site that was found to take little is asked by others."""
        self._wire.call(self._dispatch.calls.make_way, seconds)

    @property
    def learned(self) -> Learned:
        return self._dispatch.learned

    def close(self) -> None:
        """Leave the site: free connections rest, what is in flight is broken off. When it returns,
        nothing more is sent or reported."""
        if self._closed:
            return
        self._closed = True
        self._orders.clear()
        done = Event()
        self._wire.call(self._leave, done)
        done.wait(CLOSE_SECONDS)

    def check(self) -> None:
        """RuntimeError when the wire's thread is gone: nobody would ever report then."""
        self._wire.check()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the channel is closed")

    def _leave(self, done: Event) -> None:
        self._dispatch.close()
        self._fetcher.close()
        self._wire.close(self._dispatch, self._events)
        done.set()
