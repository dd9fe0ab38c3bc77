"""The most that a site takes of something, found by asking for more and for less. Pure.

Between what was borne and what was refused the middle is tried, until they nearly meet. From then
on the ceiling is kept, and something above it is tried rarely: the site may have been given more,
and what was refused long ago is no longer known. `now`: seconds, monotonic.
"""

from math import inf, sqrt

MARGIN = 0.95  # of what was refused, or of what was taken meanwhile
FIRST_HOLD, LONGEST_HOLD = 10.0, 600.0  # seconds between looks above what was refused
FIRST_STEP = 0.1  # of such a look; doubled while it is borne, ...
LAST_STEP = 3.0  # ... and with this one there is no ceiling any more
FALL = 1 / 3
FALSE = 0.9  # of what seemed to be borne, and was not for long


class Ceiling:
    """`value` is what to keep to now; whoever keeps to it says how that went."""

    __slots__ = ("_hold", "_look_at", "_refused", "_step", "borne", "fallen", "value")
    lowest = 0.5

    def __init__(self, value: float, refused: float = inf) -> None:
        self.value = max(self.lowest, value)
        self.borne = 0.0  # the most that was; 0: nothing yet, or not any more
        self.fallen = False  # far below what was borne, since nothing was taken of that
        self._refused = max(refused, self.value)  # the least that was
        self._hold = FIRST_HOLD
        self._look_at: float | None = None  # when to try more than was refused
        self._step = 0.0  # of the look above that is under way

    @property
    def known(self) -> float:
        """What was borne; what is tried where that is not known."""
        return self.borne or self.value

    @property
    def found(self) -> bool:
        return self._look_at is not None

    @property
    def looking_up(self) -> bool:
        """More than was borne is being tried: after a refusal there is a way back."""
        return 0.0 < self.borne < self.value

    @property
    def is_guess(self) -> bool:
        """Nothing was ever refused."""
        return self._refused == inf

    @property
    def gone(self) -> bool:
        """Whatever was tried above what was once refused was borne."""
        return self._step > LAST_STEP

    def bear(self, now: float) -> None:
        """The site took `value`, and refused nothing."""
        self.fallen = False
        if self.value < self.borne:
            self.value = self.borne
            return
        self.borne = self.value
        if self.value < self._nearest():
            self.value = self._between()
        elif self._look_at is None:
            self._look_at = now + self._hold
        elif now >= self._look_at:
            self._step = self._step * 2 or FIRST_STEP
            self._refused = self._above(self._refused)
            self.value = self._between()

    def refuse(self, taken: float) -> None:
        """`value` was too much. `taken`: how much the site took meanwhile."""
        if self._step:
            self._hold = (
                FIRST_HOLD if self._step > FIRST_STEP else min(LONGEST_HOLD, self._hold * 2)
            )
        back = self.borne if self.looking_up else self._back(taken)
        if not self.looking_up:
            self.borne = 0.0
        self._refused = min(self._refused, self.value)
        self._lose_sight()
        self.value = max(self.lowest, back)

    def fall(self, taken: float, least: float = 0.0) -> None:
        """`value` was so much too much that it cannot be told how much. Where the site took
        nothing at all that may be for a moment (what is left of a window): what was borne before
        is tried again before long."""
        if taken:
            self._refused = min(self._refused, self.value)
            self.borne = 0.0
            self._lose_sight()
        elif not self.fallen:
            self.fallen = True
            if not self.looking_up:
                self._refused = min(self._refused, self.value)
                self.borne *= FALSE
        self.value = max(self.lowest, min(self.value, max(least, self.value * FALL)))

    def _lose_sight(self) -> None:
        self.fallen = False
        self._look_at = None
        self._step = 0.0

    def _nearest(self) -> float:
        return self._refused * MARGIN

    def _between(self) -> float:
        if self._refused == inf:
            return self.value * 2
        return min(self._nearest(), sqrt(self.value * self._refused))

    def _back(self, taken: float) -> float:
        """Step by step where most was taken: that may have been a hitch of an instant."""
        least = FALSE * self.value if taken > self.value / 2 else 0.0
        return max(least, MARGIN * min(taken, self.value))

    def _above(self, value: float) -> float:
        return value * (1 + self._step)


class WholeCeiling(Ceiling):
    """Of what comes in whole numbers: plays at once."""

    __slots__ = ()
    lowest = 1

    def _nearest(self) -> float:
        return self._refused - 1

    def _between(self) -> float:
        if self._refused == inf:
            return self.value + max(1, self.value // 8)
        return min(self._nearest(), max(self.value + 1, int(sqrt(self.value * self._refused))))

    def _back(self, taken: float) -> float:
        return min(taken, self.value) - 1

    def _above(self, value: float) -> float:
        return value + max(1, int(value * self._step))
