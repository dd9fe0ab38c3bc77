"""Plays a second of the orders that are watched, measured over the last seconds."""

import time
from collections import deque

# A checkpoint comes every half second: a shorter window jumps, a longer one lags.
WINDOW_SECONDS = 8.0
MIN_SECONDS = 1.0


class Paces:
    """Call `measure()` at each refresh; `speed()` gives the result."""

    def __init__(self) -> None:
        self._samples: dict[int, deque[tuple[float, int]]] = {}

    def measure(self, order_id: int, done: int | None) -> float | None:
        """`done`: plays so far; None: none are sent, forget the order."""
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
        """To two digits; None until it was measured for a while."""
        samples = self._samples.get(order_id)
        if not samples:
            return None
        (began, before), (now, done) = samples[0], samples[-1]
        if now - began < MIN_SECONDS:
            return None
        return float(f"{max(0, done - before) / (now - began):.2g}")

    def retain(self, ids: set[int]) -> None:
        self._samples = {pk: samples for pk, samples in self._samples.items() if pk in ids}
