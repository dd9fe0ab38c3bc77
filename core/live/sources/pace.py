"""How fast orders come on, measured by whoever watches them: plays over the last seconds."""

import time
from collections import deque

# A checkpoint comes every half second: a shorter look would jump, a longer one would lag.
WINDOW_SECONDS = 8.0
LEAST_SECONDS = 1.0


class Paces:
    """`look()` at each beat; `speed()` is what came of it."""

    def __init__(self) -> None:
        self._looks: dict[int, deque[tuple[float, int]]] = {}

    def look(self, order_id: int, done: int | None) -> float | None:
        """Note how many plays are done now; None: it does not move, forget its pace."""
        if done is None:
            self._looks.pop(order_id, None)
            return None
        now = time.monotonic()
        looks = self._looks.setdefault(order_id, deque())
        looks.append((now, done))
        while len(looks) > 2 and looks[1][0] <= now - WINDOW_SECONDS:
            looks.popleft()
        return self.speed(order_id)

    def speed(self, order_id: int) -> float | None:
        """Plays a second, to two digits; None until it was looked at for a while."""
        looks = self._looks.get(order_id)
        if not looks:
            return None
        (began, before), (now, done) = looks[0], looks[-1]
        if now - began < LEAST_SECONDS:
            return None
        return float(f"{max(0, done - before) / (now - began):.2g}")

    def retain(self, ids: set[int]) -> None:
        """Forget all others."""
        self._looks = {pk: looks for pk, looks in self._looks.items() if pk in ids}
