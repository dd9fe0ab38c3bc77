"""A site with a limit, and a wire that plays on it, in simulated time: a minute in a second.

The limiters are the published algorithms: nginx's `limit_req` and `limit_conn` (what is refused
does not count; time in milliseconds), a token bucket that says for how long to stay away, counters
that begin anew each second. The wire does what the engine's does: a free connection starts the
next play when the pace has one, else when a timer of two milliseconds or more comes, late as
timers are. Latencies vary, and all chance is seeded.
"""

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from math import floor

from booster.engine.interface import Learned
from booster.engine.pace import Pace

TICK_SECONDS = 0.1
SHORTEST_TIMER = 0.002
TIMER_LATE_SECONDS = 0.0005  # on average
FIRST_BYTE_TIMEOUT = 10.0


@dataclass
class Limiter:
    """No limit. `ask` at a play's arrival: seconds until the answer, None to refuse. `leave` when
    one that was not refused is through."""

    retry_after: float | None = None

    def ask(self, now: float) -> float | None:
        return 0.0

    def leave(self) -> None:
        pass


@dataclass
class LimitReq(Limiter):
    """So many a second, `burst` more; those are held back unless `nodelay`: a token bucket then."""

    rate: float = 1.0
    burst: int = 0
    nodelay: bool = True
    excess: float = field(default=-1.0, init=False)
    last: float = field(default=0.0, init=False)

    def ask(self, now: float) -> float | None:
        now = floor(now * 1000) / 1000
        excess = max(0.0, self.excess - self.rate * (now - self.last) + 1.0)
        if excess > self.burst + 1e-9:
            return None
        self.excess, self.last = excess, now
        return 0.0 if self.nodelay else excess / self.rate


@dataclass
class LimitConn(Limiter):
    """So many at once, each of which takes about so many seconds."""

    most: int = 4
    seconds: float = 0.1
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    inside: int = field(default=0, init=False)

    def ask(self, now: float) -> float | None:
        if self.inside >= self.most:
            return None
        self.inside += 1
        return self.seconds * self.dice.uniform(0.5, 1.5)

    def leave(self) -> None:
        self.inside -= 1


@dataclass
class EachSecond(Limiter):
    """So many in each second of the clock: then nothing until the next one."""

    rate: float = 1.0
    second: int = field(default=-1, init=False)
    taken: int = field(default=0, init=False)

    def ask(self, now: float) -> float | None:
        if int(now) != self.second:
            self.second, self.taken = int(now), 0
        if self.taken >= self.rate:
            return None
        self.taken += 1
        return 0.0


@dataclass
class EachWhile(Limiter):
    """So many in `seconds`, which begin with the first of them; `counts_refused`: or in any such
    time, of what is asked, refused or not."""

    most: int = 100
    seconds: float = 60.0
    counts_refused: bool = False
    asked: deque[float] = field(default_factory=deque, init=False)

    def ask(self, now: float) -> float | None:
        while self.asked and self.asked[0] <= now - self.seconds:
            self.asked.popleft()
            if not self.counts_refused:
                self.asked.clear()
        takes = len(self.asked) < self.most
        if takes or self.counts_refused:
            self.asked.append(now)
        return 0.0 if takes else None


@dataclass
class OutOfOrder(Limiter):
    """Refuses everything from one time to another."""

    since: float = 0.0
    until: float = 0.0

    def ask(self, now: float) -> float | None:
        return None if self.since <= now < self.until else 0.0


@dataclass
class Unsteady(Limiter):
    """Refuses one in so many, whatever the pace."""

    one_in: int = 1
    dice: random.Random = field(default_factory=lambda: random.Random(5))

    def ask(self, now: float) -> float | None:
        return None if self.dice.random() < 1 / self.one_in else 0.0


class Run:
    """Plays without end on a limited site. `good` and `refused`: answers in each second."""

    def __init__(
        self,
        limiter: Limiter,
        *,
        seed: int = 1,
        connections: int = 64,
        latency: float = 0.01,
        jitter: float = 0.0005,
        rate: float | None = None,
        learned: Learned | None = None,
    ) -> None:
        self.limiter = limiter
        self.latency, self.jitter = latency, jitter
        self.began = self.now = 1000.0
        self.pace = Pace(connections, rate, FIRST_BYTE_TIMEOUT, self.now, learned)
        self.good: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()
        self.starts: list[float] = []
        self.longest = 0.0  # that a play took
        self.demand: float | None = None  # plays a second that there are to send; None: no end
        self._counted = 0
        self._dice = random.Random(seed)
        self._in_flight: dict[int, float] = {}
        self._granted = 0
        self._timer = False
        self._pushed = 0
        self._events: list[tuple[float, int, str, int, bool]] = []
        self._push(TICK_SECONDS, "tick")

    def go_on(self, until: float) -> None:
        """Until so many seconds after it began."""
        self._pump()
        while self._events[0][0] < self.began + until:
            self.now, _, what, play, good = heapq.heappop(self._events)
            if what == "arrive":
                self._arrive(play)
            elif what == "leave":
                self.limiter.leave()
            elif what == "answer":
                self._answer(play, good)
            elif what == "timer":
                self._timer = False
                self._pump()
            else:
                waits = [self.now - sent for sent in self._in_flight.values()]
                self.pace.tick(self.now, TICK_SECONDS, self._counted, waits)
                self._push(TICK_SECONDS, "tick")
                self._pump()

    def a_second(self, first: int, last: int) -> float:
        return sum(self.good[second] for second in range(first, last)) / (last - first)

    def share_refused(self, first: int, last: int) -> float:
        refused = sum(self.refused[second] for second in range(first, last))
        return refused / (refused + self.a_second(first, last) * (last - first))

    def _push(self, seconds: float, what: str, play: int = 0, good: bool = False) -> None:
        self._pushed += 1
        heapq.heappush(self._events, (self.now + seconds, self._pushed, what, play, good))

    def _pump(self) -> None:
        self.pace.give_back(self._granted)
        self._granted = 0
        width = self.pace.width(self.now, self._counted)
        while len(self._in_flight) < width and self._has_more() and self.pace.take(self.now, 1):
            self._send()
        if len(self._in_flight) <= width and self.demand is None:
            self._granted = self.pace.take(self.now, width if self.pace.ramping else 10_000)
        seconds = self.pace.wait(self.now)
        is_waiting = seconds or self.demand is not None
        if is_waiting and not self._timer and len(self._in_flight) < width:
            self._timer = True
            wait = max(SHORTEST_TIMER, round(seconds, 3))
            self._push(wait + self._dice.expovariate(1 / TIMER_LATE_SECONDS), "timer")

    def _has_more(self) -> bool:
        return self.demand is None or len(self.starts) < self.demand * (self.now - self.began)

    def _send(self) -> None:
        self.starts.append(self.now)
        self._in_flight[len(self.starts)] = self.now
        self._push(self._travel(), "arrive", len(self.starts))

    def _travel(self) -> float:
        return self.latency / 2 + self._dice.expovariate(1 / self.jitter)

    def _arrive(self, play: int) -> None:
        seconds = self.limiter.ask(self.now)
        if seconds is None:
            self._push(self._travel(), "answer", play)
        else:
            self._push(seconds, "leave")
            self._push(seconds + self._travel(), "answer", play, good=True)

    def _answer(self, play: int, good: bool) -> None:
        in_flight = len(self._in_flight)
        self.longest = max(self.longest, self.now - self._in_flight.pop(play))
        second = int(self.now - self.began)
        if good:
            self._counted += 1
            self.good[second] += 1
            if self._granted:
                self._granted -= 1
                self._send()
                return
        else:
            self.refused[second] += 1
            wait = self.limiter.retry_after
            self.pace.pushed_back(self.now, self._counted, in_flight, wait)
        if not self._timer:
            self._pump()
