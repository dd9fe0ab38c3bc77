"""When a delivery tries again, and when it gives up.

Pure: callers pass `now` (an aware datetime, unless said otherwise) and `jitter`, a random number
from [0, 1). Delays are in seconds.

Failure                            Rule
---------------------------------  ------------------------------------------------------------
The site is down for everybody     its orders wait (WAITING) and no attempt is counted; one probes
                                   (PROBING), for at most PROBE_LEASE_SECONDS; where it is gone,
                                   another one LOST_PROBE_SECONDS after its time
An order fails, its site answers   SENDING: retried until its attempts are used up; a play that is
                                   received begins them anew
Two orders of a site fail, one     the site is down for everybody, as above
after the other
An order meets 400, 401, 403,      TROUBLE, until TROUBLE_PATIENCE has passed (a deploy gives such,
404, 405, 410, a redirect, no JSON too); then no more is sent. None is one of SENDING's attempts
The counter cannot be read, or     READING; a person is told after TROUBLE_PATIENCE. Nothing is
verifying fails by our own error   settled but by a reading that succeeded, or by a person
A call is answered "not now"       ASKING: the same call again by whoever made it; then it fails
A play is answered "not now"       PLAY_LATER: the same play again
Plays of an order fail one after   FAILURES in a row, or FEW_FAILURES while nothing good comes for
the other                          STALL_SHARE of the time that an answer may take, end its run;
                                   then the order has failed, as above
All plays are answered "not now"   FEW_REFUSALS and nothing good for BUSY_SECONDS end the runs, and
                                   so does a Retry-After above RUN_PATIENCE_SECONDS, at once
No connection comes about          CONNECTING; where none is left the site is down, as above
A play is lost: no answer came,    PLAY, where may_send_again(): the same play again; else it is
or none that can be believed       uncertain, and the counter decides
A round dies with plays in         the next one sends them under their old numbers, where
flight: they may be lost           may_send_again(); else they are uncertain, as above
The counter can be read and lags   read again after a tenth of the wait (READING_SECONDS), until
                                   its site's lag has passed; one that never moved, for
                                   TROUBLE_PATIENCE more
It lags on, and catches up         read again by catching_up_step(), for catching_up_patience()
It had its time and lacks plays    plays_to_send_again()
The site lost its token            asked again every TOKEN_INTERVAL; the order is paused
It is too busy to say its token    asked again after TOKEN_AGAIN_SHARE of the usual time between
while its orders are sent          questions (booster/delivery/links.py); believed meanwhile, for
                                   BELIEVED_SECONDS; then it is down, as above
The site knows a session no more   a new one, SESSION_RENEWALS times in SESSION_RENEWAL_SECONDS,
                                   where the last was of use, or older than SESSION_OLD_SECONDS
A session does not come about      tried again after SESSION_AGAIN_SECONDS; its orders have failed
We ourselves fail at a site, or    its orders wait for OWN_FAILURE_SECONDS, and no attempt is
have no room for a connection      counted
An order's rows are locked         it waits for LOCKED_SECONDS, and no attempt is counted
A customer's balance has no room   the order waits for NO_ROOM_SECONDS, and a person is told
for an order's refund
A reading of a calibration fails   CALIBRATION_READING: by whoever made it, about every 2 seconds;
                                   then the calibration's rule, which follows
A calibration's site does not      CALIBRATING: its next step is tried again until its attempts
answer                             are used up; each step that is done begins them anew
Any of these but a counter that    the order sends no more after its deadline
cannot be read

A site's Retry-After replaces the delay, up to MAX_RETRY_AFTER_SECONDS.

Not decided here: what an answer to a play means (booster/engine/answers.py), whether a counter
lacks plays (booster/proof), how many plays a site is found to take (booster/engine/pace.py), and
when an import or a bulk action is given up (core/models/jobs.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import isnan

# Delays vary by this share either way: what failed together does not retry together.
JITTER_SHARE = 0.2
NO_JITTER = 0.5
# Further doublings would overflow a float; every delay has reached its longest by then.
MAX_DOUBLINGS = 32
# The largest value that the column of an order's attempts holds.
MAX_ATTEMPTS = 32_767
MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
# A larger number of seconds is a moment: nobody asks for 31 years.
FIRST_MOMENT = 1e9
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{0,20})?")
# When a limit begins anew, by draft-ietf-httpapi-ratelimit-headers from 7 on (reset=, later t=);
# below by its earlier versions and by custom.
_RESET = re.compile(r"\b(?:reset|t)=([0-9]{1,12})")
# Of several limits (from 8 on), those that are used up.
_USED_UP = re.compile(r";\s*r=0\s*;[^,]*?\bt=([0-9]{1,12})")
_RESETS = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")

# "Not now": surely not done, the site asks for less. 509: a limit of bandwidth; 529: overloaded.
NOT_NOW = frozenset({425, 429, 503, 509, 529})
# A call is not asked again by whoever made it where the site wants a longer pause.
LONGEST_PAUSE_SECONDS = 4.0

# So many failed plays in a row, beyond those in flight when the first failed, end an order's run;
# few do where nothing good came for about as long as an answer may take.
FAILURES, FEW_FAILURES = 10, 3
STALL_SHARE = 0.8
# Of answers "not now" fewer prove nothing, however long nothing good came.
FEW_REFUSALS, BUSY_SECONDS = 10, 30.0
# A longer Retry-After is not waited for in a run.
RUN_PATIENCE_SECONDS = 5.0
# A run that has held a site's probe for longer than this is taken for dead.
PROBE_LEASE_SECONDS = 30.0
# A probe that nobody began so long after it was due was lost with its order.
LOST_PROBE_SECONDS = 5.0
# A counter is read again after a tenth of the time waited so far, within these bounds.
READING_SECONDS = (0.2, 60.0)
LONGEST_READING_SECONDS = READING_SECONDS[1]
# A counter that catches up beyond its lag is read again in steps of it, within these seconds.
CATCHING_UP_SECONDS = (1.0, 60.0)
# It is waited for a little longer than plays were sent, and at least for so long.
CATCHING_UP_SHARE, CATCHING_UP_PATIENCE = 1.2, 5.0
# A counter that loses plays that come together shows at least this share; one that counts each
# address once shows less.
GOOD_PART = 0.2
# For how long an answer that would end an order is taken for a passing trouble of its site.
TROUBLE_PATIENCE = timedelta(minutes=30)
# How often sites with paused orders are asked for their token again.
TOKEN_INTERVAL = timedelta(seconds=60)
# While plays go to a site that did not answer: how soon it is asked again, as a share of the time
# between two questions, and how long after its last proof plays go there.
TOKEN_AGAIN_SHARE, BELIEVED_SECONDS = 0.2, 30.0
# A site that wants a new session for each play is told from one whose sessions end.
SESSION_RENEWALS, SESSION_RENEWAL_SECONDS = 5, 600.0
# A session that was never of use may have been refused for another reason, unless it is old.
SESSION_OLD_SECONDS = 30.0
SESSION_AGAIN_SECONDS = 5.0
OWN_FAILURE_SECONDS = 60.0
LOCKED_SECONDS = 15.0
NO_ROOM_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds that double from `first` to `longest`. No `attempts`: another rule ends the wait."""

    first: float
    longest: float
    attempts: int | None = None

    def is_spent(self, failures: int) -> bool:
        """Whether no further try follows after this many failures in a row."""
        return self.attempts is not None and failures >= self.attempts

    def delay(self, failures: int, jitter: float, retry_after: float | None = None) -> float:
        """Seconds until the next try, after `failures` (from 1) in a row. A `retry_after` of 0 is
        treated as None."""
        if retry_after:
            return min(retry_after, MAX_RETRY_AFTER_SECONDS)
        doubled = self.first * 2.0 ** min(failures - 1, MAX_DOUBLINGS)
        return min(doubled, self.longest) * (1 - JITTER_SHARE + 2 * JITTER_SHARE * jitter)

    @property
    def upper_bound(self) -> float:
        """The longest delay in seconds, unless the site asked for a longer one."""
        return self.longest * (1 + JITTER_SHARE)


CONNECTING = BackOff(0.2, 1.6, attempts=3)
PLAY = BackOff(0.1, 0.8, attempts=5)
PLAY_LATER = BackOff(0.1, 1.6, attempts=30)
ASKING = BackOff(0.1, 3.2, attempts=7)
SENDING = BackOff(2.0, 300.0, attempts=10)
READING = BackOff(2.0, 300.0)
TROUBLE = BackOff(2.0, 60.0)
PROBING = BackOff(2.0, 60.0)
CALIBRATING = BackOff(20.0, 300.0, attempts=5)
CALIBRATION_READING = BackOff(2.0, 2.0, attempts=4)
# Orders that wait for a site are woken; they look again themselves in case nobody does.
WAITING = BackOff(180.0, 180.0)


def next_attempt(attempts: int) -> int:
    """Failures in a row after one more, up to what the column holds."""
    return min(attempts + 1, MAX_ATTEMPTS)


def pause_before_asking_again(
    status: int | None, failures: int, jitter: float, retry_after: float | None
) -> float | None:
    """In how many seconds a call that was answered with this status is made again; None: that was
    the answer. `failures`: how often it was made so far."""
    if status not in NOT_NOW or ASKING.is_spent(failures):
        return None
    pause = ASKING.delay(failures, jitter, retry_after)
    return pause if pause <= LONGEST_PAUSE_SECONDS else None


def seconds_to_wait(status: int, headers: Mapping[str, str], *, now: float) -> float | None:
    """How many seconds an answer asks to stay away, by its Retry-After (RFC 9110, section 10.2.3:
    seconds, or a date), or a 429 by when its limit begins anew. None where nothing valid is said.
    `headers`: names in lower case, or in any. `now`: seconds since the epoch; the site's Date comes
    first."""
    now = _moment_of(headers.get("date", ""), now)
    if (asked := headers.get("retry-after")) is not None or status != 429:
        return _seconds_of(asked or "", now)
    limits = headers.get("ratelimit", "")
    if found := _USED_UP.findall(limits) or _RESET.findall(limits)[:1]:
        return _seconds_of(max(found, key=int), now)
    resets = (_seconds_of(headers.get(name, ""), now) for name in _RESETS)
    return next((seconds for seconds in resets if seconds is not None), None)


def _seconds_of(text: str, now: float) -> float | None:
    """Of seconds, a date, or a moment in seconds since the epoch, as some say it."""
    if _NUMBER.fullmatch(text.strip()):
        seconds = float(text)
        if seconds >= FIRST_MOMENT:
            seconds -= now
    else:
        seconds = _moment_of(text, float("nan")) - now
        if isnan(seconds):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _moment_of(text: str, otherwise: float) -> float:
    """Of an HTTP date, in seconds since the epoch; else what it is `otherwise`."""
    try:
        moment = parsedate_to_datetime(text)
        # A date without a zone is none of ours: all of HTTP's are in Greenwich's.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return otherwise


def may_send_again(*, in_doubt: bool, idempotent: bool) -> bool:
    """Not a play that may have been counted (`in_doubt`), unless the site counts it once however
    often it comes."""
    return idempotent or not in_doubt


def may_pass(since: float, now: float) -> bool:
    """Whether a trouble since then may pass by itself; both in seconds since the epoch."""
    return now - since < TROUBLE_PATIENCE.total_seconds()


def seconds_to_reading(waited: float) -> float:
    """Seconds until the next reading of a counter, after waiting so many."""
    shortest, longest = READING_SECONDS
    return min(max(shortest, waited / 10), longest)


def catching_up_step(lag: float) -> float:
    """Seconds until the next reading of a counter that catches up beyond its `lag`."""
    shortest, longest = CATCHING_UP_SECONDS
    return min(max(lag / 2, shortest), longest)


def catching_up_patience(sending_seconds: float, lag: float) -> float:
    """Seconds to wait for it: what comes late comes for hardly longer than it was sent."""
    return max(CATCHING_UP_SHARE * sending_seconds, lag, CATCHING_UP_PATIENCE)


def plays_to_send_again(*, sent: int, shown: int, allowed: int, one_at_a_time: bool) -> int:
    """At most what the site's `resend_percent` still allows; all that a counter lacks which shows a
    good part of plays that did not go out one at a time: it may lose those that come together."""
    if not one_at_a_time and shown >= GOOD_PART * sent:
        allowed = max(allowed, sent - shown)
    return max(0, allowed)


def deadline(
    planned_end: datetime, *, count: int, plays_per_second: float, grace_hours: float
) -> datetime:
    """When an order ends with what was delivered by then: `grace_hours` beyond the end of its plan
    and twice the time that its plays take at the site's ceiling."""
    sending = timedelta(seconds=2 * count / plays_per_second)
    return planned_end + sending + timedelta(hours=grace_hours)


def late_start_cutoff(now: datetime, grace_hours: float) -> datetime:
    """No order that started after this can be past its deadline, however few plays it has."""
    return now - timedelta(hours=grace_hours)
