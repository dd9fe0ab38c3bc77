"""Plays a second of the orders that are watched, measured over the last seconds."""

import time
from collections import deque

# A checkpoint comes every half second: over a shorter time the figure would jump, over a longer
# one it would lag.
WINDOW_SECONDS = 8.0
MIN_SECONDS = 1.0


class Paces:
    """By order. `measure()` at each refresh; `speed()` is what came of it."""

    def __init__(self) -> None:
        self._samples: dict[int, deque[tuple[float, int]]] = {}

    def measure(self, order_id: int, done: int | None) -> float | None:
        """Take how many plays are done now; None: none are sent, forget the order."""
        if done is None:
            self._samples.pop(order_id, None)
            return None
        now = time.monotonic()
        samples = self._samples.setdefault(order_id, deque())
        samples.append((now, done))
        while len(samples) > 2 and samples[1][0] <= now - WINDOW_SECONDS:
            samples.popleft()
        return self.speed(order_id)

    def speed(self, order_id: int) -> float | None:
        """Plays a second, to two digits; None until it was measured for a while."""
        samples = self._samples.get(order_id)
        if not samples:
            return None
        (began, before), (now, done) = samples[0], samples[-1]
        if now - began < MIN_SECONDS:
            return None
        return float(f"{max(0, done - before) / (now - began):.2g}")

    def retain(self, ids: set[int]) -> None:
        self._samples = {pk: samples for pk, samples in self._samples.items() if pk in ids}
