"""What a site's counter says about plays that were sent. Law 3: a play is proved, not assumed.

Pure: figures in, a verdict out. The counter is other people's too, so it is compared with what was
sent and never believed beyond that.
"""

from dataclasses import dataclass
from enum import Enum

from core.reasons import Code, Reason, ReasonOrText


class Action(Enum):
    SETTLE = "settle"
    WAIT = "wait"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Evidence:
    """`sent`: plays received or of unknown fate. `rise`: how far the counter moved since before
    the first of them. `may_lag`: whether the counter still has its usual time to show them.
    `may_still_move`: whether to wait beyond that for a counter that did not move at all.
    `allowance`: how many plays may still be sent again."""

    sent: int
    rise: int
    may_lag: bool
    may_still_move: bool
    allowance: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`plays`: those proved (SETTLE), or those to send again (RESEND). `remark`: what the staff
    should look at."""

    action: Action
    plays: int = 0
    remark: ReasonOrText = ""


def judge(evidence: Evidence) -> Verdict:
    """Settle what the counter shows, wait while it may lag, send again what it lost.

    A counter that fell or never moved proves nothing against plays that the site received: it is
    shown to the staff and waited for before anything is refunded.
    """
    sent, rise = evidence.sent, evidence.rise
    if rise >= sent:
        return Verdict(Action.SETTLE, sent, _drift(sent, rise))
    if evidence.may_lag:
        return Verdict(Action.WAIT)
    if rise <= 0:
        doubt = _doubt(sent, rise)
        if evidence.may_still_move:
            return Verdict(Action.WAIT, remark=doubt)
        return Verdict(Action.SETTLE, 0, doubt)
    missing = sent - rise
    if missing <= evidence.allowance:
        return Verdict(Action.RESEND, missing)
    return Verdict(Action.SETTLE, rise)


def _doubt(sent: int, rise: int) -> Reason:
    if rise < 0:
        return Reason.of(Code.COUNTER_FELL, number=-rise, sent=sent)
    return Reason.of(Code.COUNTER_STOOD_STILL, sent=sent)


def _drift(sent: int, rise: int) -> ReasonOrText:
    """Other people's views are their own business, unless they are most of the movement."""
    if rise <= 2 * sent + 100:
        return ""
    return Reason.of(Code.COUNTER_ROSE_TOO_FAR, number=rise, sent=sent)
