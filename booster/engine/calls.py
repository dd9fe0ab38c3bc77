"""Calls (readings, questions for the token) among a site's plays: a limit of plays may be one of
all requests, so that a call takes a play's turn. Everything runs in the wire's thread.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from booster.engine.pace import Pace

# They are few and go first, but where many orders are read plays go on between them.
PLAYS_BETWEEN = 4


@dataclass(eq=False, slots=True)
class CallTurn:
    begin: Callable[[], object]  # called once, when the call's turn has come
    has_begun: bool = False


class CallTurns:
    """`pump` is called where something may start. `plays`: how many have started so far; None while
    none waits to."""

    __slots__ = ("_due_at", "_is_over", "_pace", "_pump", "_waiting", "ended", "running")

    def __init__(self, pace: Pace, pump: Callable[[float], object]) -> None:
        self._pace = pace
        self._pump = pump
        self.ended = 0
        self.running = 0
        self._waiting: deque[CallTurn] = deque()
        self._due_at = 0  # so many plays
        self._is_over = False

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    def held(self, plays: int | None) -> int:
        """How many of the plays that may be in flight have to stay out for calls."""
        if not self._pace.is_narrow:
            return 0
        return self.running + (1 if self._is_due(plays) else 0)

    def add(self, turn: CallTurn) -> None:
        self._waiting.append(turn)
        if self._is_over:
            self._begin()
        else:
            self._pump(monotonic())

    def end(self, turn: CallTurn) -> None:
        """It has ended, or its turn is not wanted any more."""
        now = monotonic()
        if turn.has_begun:
            self.running -= 1
            self.ended += 1
            self._pace.call_ended(now)
        elif turn in self._waiting:
            self._waiting.remove(turn)
        if not self._is_over:
            self._pump(now)

    def start(self, now: float, busy: int, plays: int | None) -> float | None:
        """Start what may go out while `busy` plays are in flight. Returns seconds until the next
        look; None: look when something has ended."""
        while self._is_due(plays):
            if not self._pace.take_call(now, busy + self.running):
                return self._pace.wait_for_call(now)
            if plays is not None:
                self._due_at = plays + PLAYS_BETWEEN
            self._begin()
        return None

    def make_way(self, seconds: float) -> None:
        self._pace.make_way(monotonic(), seconds)

    def leave(self) -> None:
        """There is no pace to keep to any more."""
        self._is_over = True
        while self._waiting:
            self._begin()

    def _is_due(self, plays: int | None) -> bool:
        return bool(self._waiting) and (plays is None or plays >= self._due_at)

    def _begin(self) -> None:
        turn = self._waiting.popleft()
        turn.has_begun = True
        self.running += 1
        turn.begin()
