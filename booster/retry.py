"""When a delivery tries again, and when it stops trying: THE retry rule.

Pure: no model, no clock, no dice. Whoever asks brings `now` (an aware datetime, unless said
otherwise) and `draw`, a random number from [0, 1). Every delay is in seconds.

What went wrong                    What follows
---------------------------------  ------------------------------------------------------------
The site is down for everybody     its orders are held (HOLDING) and no attempt counts; one run
                                   at a time probes (PROBING), for PROBE_LEASE at most
An order fails, its site answers   SENDING: it is tried again until its attempts are spent
The counter cannot be read         READING, until the outage has lasted OUTAGE_PATIENCE
The counter can be read and lags   read again after a tenth of the wait, for DOUBT_PATIENCE
The site lost its token            asked again every TOKEN_INTERVAL; the order is paused
Any of these                       ends at the order's deadline

A site that says when to come again (Retry-After) gets its way, for MAX_RETRY_AFTER at most.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

# Each delay is spread over this share of itself, so that what failed together comes back apart.
JITTER = 0.2
# Beyond this many doublings every delay is the longest; a float has an end, too.
MOST_DOUBLINGS = 32
# What the column of an order's attempts holds.
MOST_ATTEMPTS = 32_767
MAX_RETRY_AFTER = 24 * 3600.0

# Whoever holds a site's probe longer than this died with it, in seconds.
PROBE_LEASE = 30.0
# A counter is read again after a tenth of the time it has been waited for, within these bounds.
READING_SECONDS = (0.2, 60.0)
# How long a counter is waited for that never moved before money is decided.
DOUBT_PATIENCE = timedelta(hours=2)
# How long a counter is waited for that cannot be read before money is decided.
OUTAGE_PATIENCE = timedelta(days=1)
# Sites that paused orders wait for are asked for their token again this often.
TOKEN_INTERVAL = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class BackOff:
    """Delays that double from `first` to `longest` seconds, for at most `attempts` failures in a
    row; None: for as long as somebody else has patience."""

    first: float
    longest: float
    attempts: int | None = None

    def is_spent(self, failures: int) -> bool:
        """Whether so many failures in a row are the end."""
        return self.attempts is not None and failures >= self.attempts

    def delay(self, failures: int, draw: float, retry_after: float | None = None) -> float:
        """Seconds until the next try, after `failures` (from 1) in a row. A `retry_after` of 0 says
        as little as none."""
        if retry_after:
            return min(retry_after, MAX_RETRY_AFTER)
        doubled = self.first * 2.0 ** min(failures - 1, MOST_DOUBLINGS)
        return min(doubled, self.longest) * (1 - JITTER + 2 * JITTER * draw)

    @property
    def upper_bound(self) -> float:
        """No delay of its own is longer, in seconds."""
        return self.longest * (1 + JITTER)


SENDING = BackOff(2.0, 300.0, attempts=10)
READING = BackOff(2.0, 300.0)
PROBING = BackOff(2.0, 60.0)
# An order that only waits looks again so late, as whoever met the fault may have been canceled.
HOLDING = BackOff(180.0, 180.0)


def next_attempt(attempts: int) -> int:
    """The number of failures in a row, with one more."""
    return min(attempts + 1, MOST_ATTEMPTS)


def seconds_to_wait(retry_after: str | None, *, now: float) -> float | None:
    """Retry-After (RFC 9110, section 10.2.3: seconds, or a date) in seconds; None when it says
    nothing. `now`: seconds since the epoch."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", retry_after.strip()):
        return min(float(retry_after), MAX_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(retry_after).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def may_lag(verify_until: datetime, now: datetime) -> bool:
    """Whether the counter still has its usual time to show what was sent."""
    return now < verify_until


def may_move_yet(verify_until: datetime, now: datetime) -> bool:
    """Whether a counter that lags is waited for beyond its usual time."""
    return now < verify_until + DOUBT_PATIENCE


def may_be_read_yet(verify_until: datetime, now: datetime) -> bool:
    """Whether a counter that cannot be read is waited for."""
    return now < verify_until + OUTAGE_PATIENCE


def seconds_to_reading(waited: timedelta) -> float:
    """Until a counter is read again that has been waited for so long."""
    shortest, longest = READING_SECONDS
    return min(max(shortest, waited.total_seconds() / 10), longest)


def tokens_due(now: datetime) -> datetime:
    """Sites that were asked for their token before this are asked again."""
    return now - TOKEN_INTERVAL


def deadline(
    start: datetime, *, count: int, most_a_second: float, hours: float, grace_hours: float
) -> datetime:
    """When an order ends with what was delivered by then: `grace_hours` beyond the `hours` it is
    spread over and twice the time that its plays take at the site's ceiling."""
    sending = timedelta(seconds=2 * count / most_a_second)
    return start + sending + timedelta(hours=hours + grace_hours)


def may_be_late(now: datetime, grace_hours: float) -> datetime:
    """Whatever began after this is not late, however few plays it has."""
    return now - timedelta(hours=grace_hours)
