"""The loop of a round: when it beats, how it stops, and what it does while the database is down."""

import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from core.db.outages import DATABASE_ERRORS, drop_connections, is_down

logger = logging.getLogger(__name__)

# A beat comes as something ended, but not sooner after the last than the shorter time: what ends
# together is written together. Without anything to drive the database is looked at more rarely.
SHORTEST_BEAT, LONGEST_BEAT = 0.02, 0.25
# Of few orders nothing much ends together, and each beat brings one of them a step on its way.
QUICK_BEAT = 0.005
IDLE_SECONDS = 1.0
# How long what is in flight may take to end when the loop stops.
STOP_SECONDS = 5.0


class Loop(ABC):
    """Beats in one thread. Others put into `events` what happened meanwhile; None only wakes."""

    def __init__(self, shall_stop: Callable[[], bool]) -> None:
        self.events: SimpleQueue[Any] = SimpleQueue()
        self.is_stopping = False  # as of this beat
        self._shall_stop = shall_stop
        self._is_cut_off = False  # from the database
        self._arrived: deque[Any] = deque()  # events that are not handled yet
        self._began = self._took = 0.0

    @property
    @abstractmethod
    def is_busy(self) -> bool:
        """Whether it drives anything."""

    @property
    @abstractmethod
    def is_crowded(self) -> bool:
        """Whether so much is driven that writing together pays."""

    @abstractmethod
    def beat(self) -> None:
        """One turn of all that it drives."""

    @abstractmethod
    def prepare(self, events: Iterable[Any]) -> None:
        """What handling all of these needs of the database, at once."""

    @abstractmethod
    def handle(self, event: Any) -> None:
        """What happened since the last beat; once more where the database failed meanwhile."""

    @abstractmethod
    def close(self) -> None:
        """Nothing more is sent."""

    def run(self) -> None:
        """Beat until the process shall stop, and give everything back then."""
        try:
            while not self._shall_stop():
                self._turn()
                self._wait()
            self._turn_while_busy(STOP_SECONDS)
        finally:
            self.close()

    def _turn_while_busy(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self._turn()
        while self.is_busy and time.monotonic() < deadline:
            self._wait()
            self._turn()

    def wake(self) -> None:
        """Beat soon: an order is due. From any thread."""
        self.events.put(None)

    def _turn(self) -> None:
        self._began = time.monotonic()
        try:
            self.is_stopping = self._shall_stop()
            self._take_events()
            self.beat()
        except DATABASE_ERRORS as error:
            if not is_down(error):
                raise
            # What was not written is written later, or never: leases tell.
            if not self._is_cut_off:
                logger.error("the database failed, the round goes on when it is back: %s", error)
            self._is_cut_off = True
            drop_connections()
            time.sleep(LONGEST_BEAT)
        else:
            self._is_cut_off = False
        self._took = time.monotonic() - self._began

    def _wait(self) -> None:
        """Until something ended, at most the longest beat; then a little more for what ends with
        it: where much is driven, beats take no more than half of the time."""
        longest = LONGEST_BEAT if self.is_busy else IDLE_SECONDS
        with suppress(Empty):
            if not self._arrived:
                self._arrived.append(self.events.get(timeout=longest))
        least = max(SHORTEST_BEAT, self._took) if self.is_crowded else QUICK_BEAT
        rest = self._began + self._took + least - time.monotonic()
        if self.is_busy and rest > 0:
            time.sleep(min(rest, LONGEST_BEAT))

    def _take_events(self) -> None:
        """An event leaves only once it was handled: where the database fails meanwhile, it comes
        again. An order would wait for ever for a window whose end was lost."""
        with suppress(Empty):
            while True:
                self._arrived.append(self.events.get_nowait())
        self.prepare(self._arrived)
        while self._arrived:
            self.handle(self._arrived[0])
            self._arrived.popleft()
