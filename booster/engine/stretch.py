"""A stretch of time in which the pace of a site was not changed, and what it brought. Pure."""


class Stretch:
    """`now`: seconds, monotonic. `good`: all plays counted so far."""

    __slots__ = ("_good", "_run_began", "_run_good", "after_refusal", "began", "paused", "refused")

    def __init__(self, now: float, good: int, *, after_refusal: bool = False) -> None:
        self.after_refusal = after_refusal  # what was taken since then is what the site gives
        self.refused = 0
        self.paused = 0.0  # seconds that the site asked for
        self.began = self._run_began = now
        self._good = self._run_good = good

    def refuse(self, now: float, good: int) -> None:
        self.refused += 1
        self._run_began, self._run_good = now, good

    def discount(self) -> None:
        """One that was counted as taken tells nothing."""
        self._good += 1
        self._run_good += 1

    def lasted(self, now: float) -> float:
        return max(0.001, now - self.began)

    def taken(self, good: int) -> int:
        return max(0, good - self._good)

    def answers(self, good: int) -> int:
        return self.taken(good) + self.refused

    def share(self, good: int) -> float:
        """Of the answers refused."""
        return self.refused / max(1, self.answers(good))

    def run(self, good: int) -> int:
        """Taken since the last refusal."""
        return good - self._run_good

    def since_refusal(self) -> "Stretch":
        following = Stretch(self._run_began, self._run_good, after_refusal=True)
        following.paused = self.paused
        return following
