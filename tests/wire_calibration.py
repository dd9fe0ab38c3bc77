"""Calibrations over the wire, as booster/calibrating.py runs them, without an office."""

import itertools
import time
from collections.abc import Callable
from contextlib import closing

from booster.calibrating import StageCalls
from booster.exceptions import TemporaryError
from booster.net.address import ProvedTarget
from booster.proof.calibration import Finding, FindingCode, Record, StepKind, judge, next_step
from booster.sites import SiteAdapter

# Seconds; a site that answers later than this lags, and here it is the machine.
SLOW_CALL = 1.0

# A site that knows a play again by its key counts those of each calibration.
_numbers = itertools.count(1)


def calibrated(
    target: ProvedTarget, adapter: SiteAdapter, video: str, most_seconds: float
) -> Record | None:
    """None where this machine had no time for it: a call took too long, or all of them did."""
    began, record = time.monotonic(), Record()
    name = f"calibration-{next(_numbers)}"

    def now() -> float:
        return time.monotonic() - began

    with closing(StageCalls(target, adapter, video, name, now)) as calls:
        while (step := next_step(record, now())).kind is not StepKind.END:
            called = now()
            match step.kind:
                case StepKind.WAIT:
                    time.sleep(min(step.seconds, most_seconds))
                    called = now()
                case StepKind.PLAY:
                    record.plays += calls.play(step, record)
                case StepKind.READ:
                    try:
                        record.readings.append(calls.read(step.stage))
                    except TemporaryError:  # beyond a limit
                        time.sleep(0.3)
            if now() - called > SLOW_CALL or now() > most_seconds:
                return None
    return record


def findings(
    calibrate: Callable[[], Record | None], last_try_seconds: float
) -> list[Finding] | None:
    """What is unclear is asked again, as an operator would, as long as a try may begin. None where
    this machine had no time for any of them."""
    found, deadline = None, time.monotonic() + last_try_seconds
    while time.monotonic() < deadline:
        record = calibrate()
        if record is None:
            continue
        found = judge(record)
        if all(row.code is not FindingCode.UNCLEAR for row in found):
            break
    return found
