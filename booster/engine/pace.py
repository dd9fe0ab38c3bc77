"""The pace of one site in one process: how many plays at once, and how fast they start. Pure.
`now`: seconds, monotonic. `good`: all plays counted so far.

Most sites bear what the operator allows. Others push back (429, 503) and say neither how much they
bear nor of what:

- So many a second. Starts are spaced evenly at a rate that is searched (`Ceiling`): a limiter
  without a burst refuses whatever comes too early, however few there were before. How much it
  gives is best measured while it refuses: it is what was taken between two refusals.
- So many for a while, and then none (`Quota`): what it gives in all that time is its rate.
- So many at once. Spaced starts would have to crawl before no two of them met there. Where slowing
  down does not end the refusals, fewer at once are tried instead, without spacing. A play that is
  refused while it is alone disproves such a limit.

Until something is refused nothing is limited but by how the site suffers (`SlowDown`).
"""

from math import ceil, inf

from booster.engine.ceiling import MARGIN, Ceiling, WholeCeiling
from booster.engine.interface import Learned
from booster.engine.quota import Quota
from booster.engine.rate import SlowDown, Starts
from booster.engine.stretch import Stretch

LITTLE = 0.05  # of the answers refused, or of the time lost: no reason to change anything
PLENTY = 0.2  # refused: enough to go back to what was borne
MUCH = 0.8  # refused: so far beyond the limit that it does not show
FEW_ANSWERS = 10  # tell something, once the stretch is long enough
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
BAN_SECONDS = 2.0  # at least, where a site does not say how long it lasts


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
        self._starts = Starts(rate, now)
        self._rate: Ceiling | None = None
        self._width: WholeCeiling | None = None  # when it is there, it rules
        self._quota = Quota(now)
        self._before_drought = Learned()
        if learned is not None and learned.rate:
            self._rate = Ceiling(learned.rate, learned.rate / MARGIN)
        if learned is not None and learned.connections:
            self._width = WholeCeiling(learned.connections, learned.connections + 1)

        self._stretch: Stretch | None = None  # None: answers may still be about what was before
        self._fresh_after: float = 0  # so many answers, ...
        self._fresh_at = now  # ... or at this time
        self._in_flight, self._latency = 0, 0.0
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
        if self._quota.is_dry:
            return self._before_drought  # what is tried meanwhile says nothing
        rate, width = self._rate, self._width
        if rate is not None:
            return Learned(rate=rate.known)
        return Learned(connections=int(width.known) if width is not None else None)

    @property
    def ramping(self) -> bool:
        return self._slow_down.ramping

    def width(self, now: float, good: int) -> int:
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
        return self._starts.take(now, wanted)

    def give_back(self, unused: int) -> None:
        self._starts.give_back(unused)

    def wait(self, now: float) -> float:
        return self._starts.wait(now)

    def take_call(self, now: float, busy: int) -> bool:
        """Take a play's turn for a call beside `busy` plays and calls. The operator's rate is of
        plays alone."""
        if now < self._paused_until:
            return False
        if self._width is not None:
            return busy < self._width.value
        spacing = self._starts.spacing
        return spacing is None or spacing.take(now, 1) == 1

    def wait_for_call(self, now: float) -> float | None:
        """Seconds until one may go out; None: as soon as something has ended."""
        if now >= self._paused_until and self._width is not None:
            return None
        spacing = self._starts.spacing
        return max(self._paused_until - now, 0.0 if spacing is None else spacing.wait(now))

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
        if self._quota.is_dry and self._stretch is not None:
            self._stretch.discount()  # whatever was answered, it ends no drought of plays
        if self._starts.spacing is not None:
            self._starts.spacing.empty(now)

    def wake(self, now: float, good: int) -> None:
        """Nothing was to be sent until now, and nothing was learned from that."""
        self._quota.wake(now, good, self._refused)
        self._begin_anew(now, good)

    def change(self, connections: int, rate: float | None, now: float) -> None:
        self._most = connections
        self._slow_down.change(self._most)
        self._starts.allow(rate, now)

    def fail(self) -> None:
        """A play, or a connection, came to nothing."""
        self._failures += 1

    def pushed_back(self, now: float, good: int, in_flight: int, retry_after: float | None) -> None:
        """The site refused a play for now. `in_flight`: this one included."""
        self._refused += 1
        self._in_flight = in_flight
        self._slow_down.ramping = False
        if now < self._paused_until:
            return  # it was on its way when the site asked for the pause
        self._paused_until = now + (retry_after or 0.0)
        self._quota.seconds = max(self._quota.seconds, retry_after or 0.0)
        stretch = self._present(now, good)
        if stretch is None:
            return
        self._least = min(self._least, in_flight)
        stretch.refuse(now, good)
        stretch.paused += retry_after or 0.0
        ruler = self._width or self._rate
        if ruler is not None and ruler.looking_up:
            # More than was borne was tried. Nothing needs to be measured to go back.
            sure = ruler is self._width or ruler.found or stretch.paused > 0
            if sure or stretch.share(good) > PLENTY:
                self._lower(stretch, now, good)
        elif stretch.after_refusal:
            self._judge_refusal(stretch, now, good)
        else:
            self._stretch = stretch.since_refusal()

    def sent_away(self, now: float, good: int, seconds: float | None = None) -> None:
        """The site takes none for longer than is waited for here; None: it does not say so."""
        self._refused += 1
        given = self._quota.used_up(now, good, seconds or BAN_SECONDS)
        if seconds is not None:
            self._before_drought = Learned(rate=MARGIN * given) if given else self.learned
            self._stretch = Stretch(now, good)
        elif self._present(now, good) is not None:
            if self._rate is not None:
                self._rate.refuse(given)
            elif given:
                self._rate = Ceiling(given)
            self._before_drought = Learned(rate=self._rate.known if self._rate else None)
            self._begin_anew(now, good)

    def tick(self, now: float, seconds: float, good: int, waits: list[float]) -> None:
        """What the last `seconds` brought. `waits`: of each play in flight; none where we were held
        up ourselves."""
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

    def _judge_refusal(self, stretch: Stretch, now: float, good: int) -> None:
        """One more was refused: is it enough to do something at once?"""
        refused, share = stretch.refused, stretch.share(good)
        # A site that has never taken anything is not asked more often than it must be.
        enough = FEW_ANSWERS if good and not self._quota.probing(now) else RUN
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
        if stretch.run(good) and self._quota.ends_drought(now):
            self._end_drought(rate, stretch, now, good)
            return
        if rate is not None and rate.fallen and stretch.after_refusal and stretch.run(good) >= RUN:
            rate.fallen = False
            stretch = self._stretch = stretch.since_refusal()
            stretch.after_refusal = False
        lasted = stretch.lasted(now)
        if stretch.answers(good) < FEW_ANSWERS or lasted < self._quota.stretch:
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

    def _end_drought(self, rate: Ceiling | None, stretch: Stretch, now: float, good: int) -> None:
        given, asked = self._quota.run_again((stretch.began + now) / 2, good, self._refused)
        if self._quota.seconds:
            self._rate = Ceiling(MARGIN * given, max(given / MARGIN, asked))
        elif rate is not None and (rate.borne or not given):
            rate.fallen, rate.value = False, rate.known
        elif given:
            self._rate = Ceiling(given)
        self._begin_anew(now, good)

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
        elif self._rate is not None:
            if a_second >= USED * self._rate.value:
                self._rate.bear(now)
            elif self._rate.is_guess and self._in_flight >= int(self._slow_down.width):
                self._rate = None
            if self._rate is not None and self._rate.gone:
                self._rate, self._quota.seconds = None, 0.0
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
        self._before_drought = self.learned
        if self._rate is None:
            self._rate = Ceiling(stretch.answers(good) / stretch.lasted(now))
        # Answers of the first moments may be to plays that came before everything was refused.
        taken = stretch.taken(good) if stretch.lasted(now) > 2 * self._latency else 0
        if not taken:
            self._quota.run_dry(stretch.began)
        self._rate.fall(taken, self._quota.probing(now))
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
            self._rate = Ceiling(MARGIN * taken / lasted, inf if stretch.paused else sent)
        elif self._vain >= SLOWINGS and self._may_be_width(self._rate, now):
            self._width = WholeCeiling(self._least - 1)
            self._vain, self._least = 0, inf
        elif sent < USED * self._rate.value:
            self._rate.refuse(max(AS_MUCH * self._rate.value, taken / lasted))
        else:
            self._rate.refuse(taken / lasted)

    def _may_be_width(self, rate: Ceiling, now: float) -> bool:
        """No play was refused while it was alone, or while more at once than that were taken."""
        return self._least > max(1.0, rate.borne * self._latency) and now >= self._narrow_again_at

    def _lower_width(self, width: WholeCeiling, stretch: Stretch, now: float, good: int) -> None:
        if width.looking_up:
            width.refuse(0)
        elif self._least > 1 and self._vain < NARROWINGS:
            self._vain += 1
            width.refuse(self._least)
        else:
            self._give_up_width(now)
            if not stretch.taken(good):
                self._fall(stretch, now, good)
            elif self._rate is None:
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
        rate = self._rate if self._width is None else None
        self._starts.space(rate.value if rate is not None else None, now)
