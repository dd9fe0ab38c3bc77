"""A site's counter and one order on it, in simulated time: seconds that nobody waits for. What is
decided is decided by the product itself (booster/proof, booster/delivery/proving.py)."""

import math
import random
from dataclasses import dataclass

from booster import retry
from booster.delivery import proving
from booster.proof import Action, Reading, Verdict, Watch, judge
from core.models import Order, Site, Status


@dataclass
class Counter:
    """Others watch at `others` a second, in bursts by the factor `bursts`; a play is shown `lag`
    seconds after it came, or never, by `loss`. A reading moves it where `counts_readings`."""

    dice: random.Random
    others: float = 0.0
    lag: float = 0.0
    loss: float = 0.0
    counts_readings: bool = False
    rate: float = 100.0  # of our plays a second
    sent: int = 0
    began: float = 0.0
    views: int = 1000
    now: float = 0.0

    @property
    def counted(self) -> int:
        """Of our plays, in the end."""
        return self.sent - round(self.sent * self.loss)

    def sent_by(self, moment: float) -> int:
        return max(0, min(self.sent, int((moment - self.began) * self.rate)))

    def read(self, moment: float) -> int:
        """At a moment that is not before the last one."""
        self.views += poisson(self.dice, self.others * (moment - self.now))
        self.now = moment
        shown = self.sent_by(moment - self.lag)
        answer = self.views + shown - round(shown * self.loss)
        self.views += self.counts_readings
        return answer


def poisson(dice: random.Random, mean: float) -> int:
    if mean > 200:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    number, product, limit = 0, dice.random(), math.exp(-mean)
    while product > limit:
        number, product = number + 1, product * dice.random()
    return number


@dataclass
class KeptPage(Counter):
    """The page that shows the count is kept for `lag` seconds: it moves in leaps."""

    kept_until: float = 0.0
    shown: int = 0

    def read(self, moment: float) -> int:
        if moment >= self.kept_until:
            self.views += poisson(self.dice, self.others * (moment - self.now))
            self.now = moment
            ours = self.sent_by(moment)
            self.shown = self.views + ours - round(ours * self.loss)
            self.kept_until = moment + self.lag
        return self.shown


@dataclass
class Run:
    """One order from its first reading to its end."""

    counter: Counter
    count: int
    lag: float = 3.0  # as the site is known
    counts_readings: bool | None = False
    stop_at: float | None = None  # somebody cancels
    latency: float = 0.002

    def __post_init__(self) -> None:
        self.watch = Watch()
        self.site = Site(resend_percent=0)
        self.order = Order(count=self.count, status=Status.RUNNING, cancel_requested=False)
        self.readings = 0

    def look(self, moment: float, *, idle: bool) -> Reading:
        self.readings += 1
        views = self.counter.read(moment)
        return Reading(moment - self.latency, moment + self.latency, views, idle)

    def deliver(self, most_seconds: float = 10**7) -> tuple[Verdict, float]:
        """The verdict, and how many seconds after the last play it came."""
        counter, order, watch = self.counter, self.order, self.watch
        first = self.look(1.0, idle=True)
        proving.note_reading(order, watch, first, self.lag)
        counter.began, counter.sent = 1.01, self.count
        ended = counter.began + self.count / counter.rate
        if self.stop_at is not None:
            ended = min(ended, counter.began + self.stop_at)
            counter.sent = counter.sent_by(ended)
            order.cancel_requested = True
        now = 1.0 + watch.seconds_between_readings(1.0)
        while now < ended:
            order.done = counter.sent_by(now)
            watch.note_play(now)
            proving.note_reading(order, watch, self.look(now, idle=False), self.lag)
            now += watch.seconds_between_readings(now)
        order.done = order.reserved = counter.sent
        watch.note_play(ended)
        now = ended + self.latency
        while now < ended + most_seconds:
            seen = proving.Observation(
                self.look(now, idle=True), self.lag, self.counts_readings, is_narrow=True
            )
            until, evidence = proving.add_and_weigh(order, self.site, watch, seen)
            verdict = judge(evidence)
            if verdict.action is Action.SETTLE:
                return verdict, now - ended
            assert verdict.action is Action.WAIT
            wait = verdict.seconds
            if wait is None:
                wait = retry.seconds_to_reading(now - (until - self.lag))
            now += min(wait, retry.LONGEST_READING_SECONDS)
        raise AssertionError(f"no end after {most_seconds} s: {watch}")
