"""Recognises a site with a quota: so many plays for a while (a hundred a minute, say), then none.

A rate limit refuses a share of what comes too fast; a quota refuses all of it, until the next
minute. So does a site that is out of order for a moment: it is a quota only if a second such
drought follows as many plays as the first. Its time is from the end of one drought to the next's.

Pure. `now`: seconds, monotonic. `good`, `refused`: all plays so far.
"""

SHORTEST_DROUGHT = 1.2  # seconds; shorter ones, of counters for each second, are found as a rate is
SHORTEST_STRETCH = 0.5  # seconds of sending that tell something of a rate
PROBES = 5  # in the time that it lasts already
FIRST_PROBE = 0.3  # seconds after it began
FEWEST = 10  # plays before a drought: fewer come together by chance
ALIKE = 0.75  # of the plays before the one drought came before the other


class Quota:
    """`seconds`: what the quota is for, or for how long the site asked to stay away; 0: unknown."""

    __slots__ = ("_began", "_dry", "_good", "_refused", "_taken", "seconds")

    def __init__(self, now: float) -> None:
        self.seconds = 0.0
        self._began, self._good, self._refused = now, 0, 0  # of what is given now
        self._dry: float | None = None  # since when nothing is
        self._taken = 0  # before the drought before

    @property
    def is_dry(self) -> bool:
        return self._dry is not None

    @property
    def stretch(self) -> float:
        """For how many seconds to send before it is sure that a rate is borne: a shorter time may
        have used what is given for a longer one."""
        return max(SHORTEST_STRETCH, self.seconds)

    def wake(self, now: float, good: int, refused: int) -> None:
        if self._dry is None:
            self._began, self._good, self._refused = now, good, refused

    def run_dry(self, since: float) -> None:
        if self._dry is None:
            self._dry = since

    def ends_drought(self, now: float) -> bool:
        """Something is taken: whether nothing was before, for longer than a rate limit has it."""
        if self._dry is not None and now - self._dry < SHORTEST_DROUGHT:
            self._dry = None
        return self._dry is not None

    def probing(self, now: float) -> float:
        """Plays a second to try meanwhile, fewer as it lasts; 0: it has just begun."""
        dry = now - self._dry if self._dry is not None else 0.0
        return PROBES / dry if dry >= FIRST_PROBE else 0.0

    def used_up(self, now: float, good: int, seconds: float) -> float:
        """Nothing is taken for so long. How many plays a second are by then; 0: none."""
        self.run_dry(now)
        return (good - self._good) / (now + seconds - self._began)

    def run_again(self, now: float, good: int, refused: int) -> tuple[float, float]:
        """Plays are taken again since `now`. Plays a second that were taken, the drought included,
        and that were asked for: some sites count both."""
        taken, seconds = good - self._good, now - self._began
        asked = taken + refused - self._refused
        least, most = sorted((taken, self._taken))
        is_alike = least >= max(FEWEST, ALIKE * most)
        self.seconds = seconds if is_alike else 0.0
        self._began, self._good, self._refused = now, good, refused
        self._dry, self._taken = None, taken
        return taken / seconds, asked / seconds
