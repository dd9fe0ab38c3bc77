"""Named places where a process can be made to die, so that tests can ask what a crash there leaves.

OFFICE_CRASH_AT="after-claim" kills this very process (SIGKILL: no handler, no clean-up) when it
gets there the first time, "after-claim:3" the third time. Unset, a point costs one comparison.
"""

import os
import signal

POINTS = (
    # Placing an order
    *("before-debit", "after-debit", "before-commit", "after-commit", "before-wake", "after-wake"),
    # Delivering it
    *("before-claim", "after-claim", "before-reserve", "after-reserve", "on-the-wire"),
    *("before-checkpoint", "after-checkpoint", "before-verify", "after-verify"),
    # Ending it
    *("before-settle", "before-refund", "after-refund", "after-settle"),
    # Importing a block of rows, undoing an import
    *("before-block", "after-block", "before-undone"),
)


class Failpoint:
    """One point of POINTS, and after how many passes the process dies there."""

    def __init__(self, wanted: str) -> None:
        self.name, _, times = wanted.partition(":")
        if self.name not in POINTS or (times and not times.isdecimal()):
            raise ValueError(f"OFFICE_CRASH_AT={wanted!r} is no point: {', '.join(POINTS)}")
        self.left = int(times or 1)

    def pass_by(self, name: str) -> None:
        if name == self.name:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


armed = Failpoint(os.environ["OFFICE_CRASH_AT"]) if os.environ.get("OFFICE_CRASH_AT") else None


def failpoint(name: str) -> None:
    if armed is not None:
        armed.pass_by(name)
