"""The pace of one site in one process: how many plays at once, and how fast they start. Pure.

`now`: seconds, monotonic. `good`: always the number of all plays counted so far.

Most sites bear what the operator allows. Others push back (429, 503) and say neither how much they
bear nor of what:

- So many a second. Starts are spaced evenly at a rate that is searched (`Ceiling`): a limiter
  without a burst refuses whatever comes too early, however few there were before. How much it
  gives is best measured while it refuses: it is what was taken between two refusals.
- So many at once. Spaced starts would have to crawl before no two of them met there. Where slowing
  down does not end the refusals, fewer at once are tried instead, without spacing. A play that is
  refused while it is alone disproves such a limit.

Until something is refused nothing is limited but by how the site suffers (`SlowDown`).
"""

from dataclasses import dataclass
from math import ceil, inf

from booster.engine.ceiling import MARGIN, Ceiling, WholeCeiling
from booster.engine.rate import SlowDown, Spacing, TokenBucket
from booster.engine.stretch import Stretch

LITTLE = 0.05  # of the answers refused, or of the time lost: no reason to change anything
PLENTY = 0.2  # refused: enough to go back to what was borne
MUCH = 0.8  # refused: so far beyond the limit that it does not show
FEW_ANSWERS = 10  # tell something, ...
SHORTEST_STRETCH = 0.5  # ... after so many seconds
SURELY_REFUSED, SURELY_TAKEN, SURE_SECONDS = 4, 8, 0.1  # tell it sooner
LONGEST_MEASURE = 5.0  # seconds for RUN plays to be taken while most are refused
RUN = 5  # taken in a row: what refused everything is over
STALE_SECONDS = 2.0  # after which answers are surely about what is tried now
USED = 0.5  # of what was allowed: less says nothing about the rest
FEW_AT_ONCE = 4  # always allowed where starts are spaced: they hardly meet
SLOWINGS = 2  # in vain, before fewer at once are tried
NARROWINGS = 3  # in vain, before that is given up
AS_MUCH = 0.8  # of what spaced starts brought is what fewer at once must bring, ...
HALF_AS_MUCH = 0.5  # ... and this from the beginning
NARROW_AGAIN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What a site was found to bear; None: no limit was met."""

    rate: float | None = None  # plays a second
    connections: int | None = None  # plays at once


class Pace:
    """Asked by whoever starts plays, told by whoever reads answers, in one thread."""

    def __init__(
        self,
        connections: int,
        rate: float | None,
        first_byte_timeout: float,
        now: float,
        learned: Learned | None = None,
    ) -> None:
        self._most = connections
        self._slow_down = SlowDown(connections, first_byte_timeout)
        self._allowed = TokenBucket(rate, now) if rate else None
        self._spacing: Spacing | None = None
        self._buckets: list[TokenBucket] = []  # these two, where they are
        self._rate: Ceiling | None = None
        self._width: WholeCeiling | None = None  # when it is there, it rules
        if learned is not None and learned.rate:
            self._rate = Ceiling(learned.rate, learned.rate / MARGIN)
        if learned is not None and learned.connections:
            self._width = WholeCeiling(learned.connections, learned.connections + 1)

        self._stretch: Stretch | None = None  # None: answers may still be about what was before
        self._fresh_after: float = 0  # so many answers, ...
        self._fresh_at = now  # ... or at this time
        self._in_flight = 0
        self._latency = 0.0
        self._refused = 0
        self._failures = 0  # since the last tick
        self._good_at_tick = 0
        self._paused_until = now

        self._vain = 0  # changes that did not help
        self._least: float = inf  # plays at once when one was refused
        self._gives: float = inf  # the least that was taken a second while others were refused
        self._narrow_again_at = now
        self._space(now)
        self.call_ended(now)  # the site has just been asked for its token

    # --- asked

    @property
    def learned(self) -> Learned:
        """May be read in another thread."""
        rate, width = self._rate, self._width
        if rate is not None:
            return Learned(rate=rate.known)
        return Learned(connections=int(width.known) if width is not None else None)

    @property
    def limited(self) -> bool:
        """Plays may have to wait for their time: `wait` says how long."""
        return bool(self._buckets)

    @property
    def ramping(self) -> bool:
        """Each good answer widens: come back soon to look."""
        return self._slow_down.ramping

    def width(self, now: float, good: int) -> int:
        """How many plays may be in flight now."""
        if now < self._paused_until:
            return 0
        if self._slow_down.ramping:
            self._slow_down.widen(good)
        width = min(self._most, int(self._slow_down.width))
        if self._width is not None:
            return min(width, int(self._width.value))
        if self._rate is not None:
            # No more connections than such a rate takes, and as many again for a slow answer.
            needed = FEW_AT_ONCE + ceil(2 * self._latency * self._rate.value)
            return min(width, needed)
        return width

    def take(self, now: float, wanted: int) -> int:
        """As many of the wanted plays as may start now."""
        for bucket in self._buckets:
            wanted = min(wanted, bucket.available(now))
        for bucket in self._buckets:
            bucket.take(now, wanted)
        return wanted

    def give_back(self, unused: int) -> None:
        """Of what was taken, these did not start after all."""
        for bucket in self._buckets:
            bucket.give_back(unused)

    def wait(self, now: float) -> float:
        """Seconds until the next play may start."""
        return max((bucket.wait(now) for bucket in self._buckets), default=0.0)

    def take_call(self, now: float, busy: int) -> bool:
        """Whether a call may go out besides so many plays and calls; it takes a play's turn. What
        the operator allows is of plays alone."""
        if now < self._paused_until:
            return False
        if self._width is not None:
            return busy < self._width.value
        return self._spacing is None or self._spacing.take(now, 1) == 1

    def wait_for_call(self, now: float) -> float | None:
        """Seconds until one may go out; None: as soon as something has ended."""
        if now >= self._paused_until and self._width is not None:
            return None
        spaced = self._spacing.wait(now) if self._spacing is not None else 0.0
        return max(self._paused_until - now, spaced)

    @property
    def is_narrow(self) -> bool:
        """Whether the site takes only so many of whatever is asked at once."""
        return self._width is not None

    # --- told

    def make_way(self, now: float, seconds: float) -> None:
        """Somebody else has to ask the site, and nothing is learned from that."""
        self._paused_until = max(self._paused_until, now + seconds)
        self._stretch, self._fresh_after, self._fresh_at = None, inf, self._paused_until

    def call_ended(self, now: float) -> None:
        """It may have come to the site at any moment until now: nothing comes close behind it."""
        if self._spacing is not None:
            self._spacing.empty(now)

    def wake(self, now: float, good: int) -> None:
        """Nothing was to be sent until now, and nothing was learned from that."""
        self._begin_anew(now, good)

    def change(self, connections: int, rate: float | None, now: float) -> None:
        """The operator allows something else from now on."""
        self._most = connections
        self._slow_down.change(self._most)
        if rate is None:
            self._allowed = None
        elif self._allowed is None:
            self._allowed = TokenBucket(rate, now)
        else:
            self._allowed.change(rate, now)
        self._space(now)

    def failed(self) -> None:
        """A play or a connection came to nothing."""
        self._failures += 1

    def pushed_back(self, now: float, good: int, in_flight: int, retry_after: float | None) -> None:
        """The site refused a play for now. `in_flight`: this one included."""
        self._refused += 1
        self._in_flight = in_flight
        self._slow_down.ramping = False
        if now < self._paused_until:
            return  # it was on its way when the site asked for the pause
        self._paused_until = now + (retry_after or 0.0)
        stretch = self._present(now, good)
        if stretch is None:
            return
        self._least = min(self._least, in_flight)
        stretch.refuse(now, good)
        stretch.paused += retry_after or 0.0
        if self._ruler is not None and self._ruler.looking_up:
            self._judge_attempt(self._ruler, stretch, now, good)
        elif stretch.after_refusal:
            self._judge_refusal(stretch, now, good)
        else:
            self._stretch = stretch.since_refusal()

    def tick(self, now: float, seconds: float, good: int, waits: list[float]) -> None:
        """What the last `seconds` brought; `waits` is how long each play in flight has waited,
        empty where we were held up ourselves and no site is to blame."""
        # Plays in flight have waited half their latency on average.
        latency = 2 * sum(waits) / len(waits) if waits else 0.0
        self._latency = latency or self._latency
        self._in_flight = len(waits) or self._in_flight
        pause = self._slow_down.tick(
            seconds=seconds,
            answers=good - self._good_at_tick,
            failures=self._failures,
            in_flight=len(waits),
            latency=latency,
        )
        self._good_at_tick, self._failures = good, 0
        self._paused_until = max(self._paused_until, now + pause)
        stretch = self._present(now, good)
        if stretch is not None:
            self._judge_time(stretch, now, good)

    # --- what it means

    @property
    def _ruler(self) -> Ceiling | None:
        return self._width or self._rate

    def _judge_attempt(self, ruler: Ceiling, stretch: Stretch, now: float, good: int) -> None:
        """More than was borne was tried, and refused. Nothing needs to be measured to go back."""
        sure = ruler is self._width or ruler.found or stretch.paused > 0
        if sure or stretch.share(good) > PLENTY:
            self._lower(stretch, now, good)

    def _judge_refusal(self, stretch: Stretch, now: float, good: int) -> None:
        """One more was refused: is it enough to do something at once?"""
        refused, share = stretch.refused, stretch.share(good)
        # A site that has never taken anything is not asked more often than it must be.
        enough = FEW_ANSWERS if good else RUN
        if refused >= enough and share > MUCH:
            self._fall(stretch, now, good)
        elif (
            refused >= SURELY_REFUSED
            and share > LITTLE
            and stretch.taken(good) >= SURELY_TAKEN
            and stretch.lasted(now) >= SURE_SECONDS
        ):
            self._lower(stretch, now, good)

    def _judge_time(self, stretch: Stretch, now: float, good: int) -> None:
        rate = self._rate
        if rate is not None and rate.fallen and stretch.after_refusal and stretch.run(good) >= RUN:
            rate.fallen = False
            stretch = self._stretch = stretch.since_refusal()
            stretch.after_refusal = False
        lasted = stretch.lasted(now)
        if stretch.answers(good) < FEW_ANSWERS or lasted < SHORTEST_STRETCH:
            return
        measured = stretch.taken(good) >= RUN or lasted >= LONGEST_MEASURE
        if stretch.share(good) > PLENTY and not measured:
            return
        pausing = stretch.paused > LITTLE * lasted
        if stretch.share(good) > LITTLE or (pausing and stretch.refused):
            self._lower(stretch, now, good)
        elif not stretch.after_refusal:
            self._bear(stretch, now, good)
        elif not pausing:
            self._stretch = Stretch(now, good)

    def _bear(self, stretch: Stretch, now: float, good: int) -> None:
        """Nothing was refused."""
        a_second = stretch.taken(good) / stretch.lasted(now)
        if self._width is not None:
            self._vain = 0
            if self._in_flight >= self._width.value:
                self._width.bear(now)
            if self._width.value > self._most:
                self._width = None
            elif self._rate is not None:
                self._compare(self._width, self._rate, a_second, now)
        elif self._rate is not None and a_second >= USED * self._rate.value:
            self._rate.bear(now)
            if self._rate.gone:
                self._rate = None
        # What is in flight was started before; a refusal, though, can only be of what is new.
        self._stretch = Stretch(now, good + self._in_flight)
        self._space(now)

    def _compare(self, width: Ceiling, rate: Ceiling, a_second: float, now: float) -> None:
        """Fewer at once, or spaced starts: whichever brings more."""
        spaced = rate.borne or self._gives
        if a_second < (AS_MUCH if width.found else HALF_AS_MUCH) * spaced:
            self._give_up_width(now)
        elif width.found:
            self._rate = None

    def _fall(self, stretch: Stretch, now: float, good: int) -> None:
        """Nearly everything was refused."""
        if self._width is not None:
            self._lower(stretch, now, good)
            return
        if self._rate is None:
            self._rate = Ceiling(stretch.answers(good) / stretch.lasted(now))
        # Answers of the first moments may be to plays that came before everything was refused.
        known = stretch.lasted(now) > 2 * self._latency
        self._rate.fall(stretch.taken(good) if known else 0)
        self._begin_anew(now, good)

    def _lower(self, stretch: Stretch, now: float, good: int) -> None:
        """Too much was refused."""
        if self._width is not None:
            self._lower_width(self._width, stretch, now, good)
        else:
            self._lower_rate(stretch, now, good)
        self._begin_anew(now, good)

    def _lower_rate(self, stretch: Stretch, now: float, good: int) -> None:
        taken, lasted = stretch.taken(good), stretch.lasted(now)
        self._gives = min(self._gives, taken / max(SURE_SECONDS, lasted - stretch.paused))
        self._vain += 1
        sent = stretch.answers(good) / lasted
        if self._rate is None:
            refused = inf if stretch.paused else sent
            self._rate = Ceiling(MARGIN * taken / lasted, refused)
        elif self._vain >= SLOWINGS and self._may_be_width(self._rate, now):
            self._width = WholeCeiling(self._least - 1)
            self._vain, self._least = 0, inf
        elif sent < USED * self._rate.value:
            self._rate.refuse(max(AS_MUCH * self._rate.value, taken / lasted))
        else:
            self._rate.refuse(taken / lasted)

    def _may_be_width(self, rate: Ceiling, now: float) -> bool:
        """No play was refused while it was alone, or while more at once than that were taken."""
        taken_at_once = rate.borne * self._latency
        return self._least > max(1.0, taken_at_once) and now >= self._narrow_again_at

    def _lower_width(self, width: WholeCeiling, stretch: Stretch, now: float, good: int) -> None:
        if width.looking_up:
            width.refuse(0)
        elif self._least > 1 and self._vain < NARROWINGS:
            self._vain += 1
            width.refuse(self._least)
        else:
            self._give_up_width(now)
            if self._rate is None:
                self._rate = Ceiling(MARGIN * stretch.taken(good) / stretch.lasted(now))
        self._least = inf

    def _give_up_width(self, now: float) -> None:
        self._width = None
        self._narrow_again_at = now + NARROW_AGAIN_SECONDS
        self._vain, self._least, self._gives = 0, inf, inf

    # --- from one stretch to the next

    def _present(self, now: float, good: int) -> Stretch | None:
        is_fresh = good + self._refused >= self._fresh_after or now >= self._fresh_at
        if self._stretch is None and is_fresh:
            self._stretch = Stretch(now, good)
        return self._stretch

    def _begin_anew(self, now: float, good: int) -> None:
        """What is in flight still tells of what was before."""
        self._stretch = None
        self._fresh_after = good + self._refused + self._in_flight
        self._fresh_at = now + STALE_SECONDS
        self._space(now)

    def _space(self, now: float) -> None:
        if self._rate is None or self._width is not None:
            self._spacing = None
        elif self._spacing is None:
            self._spacing = Spacing(self._rate.value, now)
        else:
            self._spacing.change(self._rate.value, now)
        self._buckets = [one for one in (self._allowed, self._spacing) if one is not None]
