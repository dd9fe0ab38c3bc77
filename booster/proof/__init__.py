"""What a site's counter proves of plays that were sent (law 3). Pure: figures in, a verdict out.

Other people and our own readings move it, too: billed is what neither explains, by its lower bound.
The model stands in docs/architecture.md.
"""

from dataclasses import dataclass, replace
from enum import Enum

from booster.proof.organic import CONFIDENCE, Rest, expected, most
from booster.proof.watch import Exposure, Reading, Watch
from core.reasons import Code, Reason, ReasonOrText

# Others' views are looked out for as long as we take to send so many plays: who has a tenth of our
# rate is missed once in 20,000 times, and who has less matters less.
PLAYS_OF_REST = 100
LONGEST_REST = 3600.0
# A counter that shows a tenth more than ours has others. None of them for a moment tells nothing: a
# page may be kept for less time than lies between two looks.
MOST_QUIET, REST_BESIDE_MORE = 1.1, 15.0
SHORTEST_REST = 0.05
# Others that were seen are counted for as long as plays were sent, up to this, or this share of it.
LONGEST_COUNT, LEAST_SHARE = 900.0, 0.3
# A counter that lags for longer may move in leaps: a rest tells of others once it took as long.
LEAPING_LAG = 4.0
# One that stood still for longer than its lag may do so for longer still, as a leap is seen from a
# moment within; a long one for a quarter of an hour.
LEAP_MARGIN, LONG_LEAP = 1.5, 60.0
# One that shows exactly ours is believed sooner, after a long leap only with so many plays: others
# make up exactly for what it lost once in 100 times at most.
TELLING_PLAYS = 1000
# A counter that showed so many times exactly what was received has no other views.
MATCHES = 10
COUNTER_ROUNDS = "counter_rounds"  # to what an order may find, as a calibration does


class Action(Enum):
    SETTLE = "settle"
    WAIT = "wait"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Evidence:
    """`sent`: plays received or of unknown fate. `rise`: how far the counter moved since before the
    first of them; `own`: how much of that our readings may have made, both outside of `rests`, in
    `seconds`. `is_quiet`: others were looked out for, and none was seen; `rest_left`: how many
    seconds to look on. `site_count`: what the site itself says by the order's number, or None.

    `may_lag`: the counter still has its time. `is_catching_up`: it had that, and moves faster than
    others explain. `may_still_move`: wait beyond that for one that did not move at all.
    `allowance`: how many plays may still be sent again. `step`: what the counter is rounded to.
    `since_fall`: the plays after a fall below the beginning: what it lost then proves nothing."""

    sent: int
    rise: int
    may_lag: bool
    may_still_move: bool
    allowance: int
    own: int = 0
    seconds: float = 0.0
    rests: tuple[Rest, ...] = ()
    is_quiet: bool = True
    rest_left: float = 0.0
    is_catching_up: bool = False
    site_count: int | None = None
    step: int = 1
    since_fall: "Evidence | None" = None

    @property
    def others(self) -> float:
        """How many of the rise are likely other people's."""
        return 0.0 if self.is_quiet else expected(self.rests, self.seconds)

    @property
    def most_others(self) -> float | None:
        """How many are at most; None: nobody knows."""
        return 0.0 if self.is_quiet else most(self.rests, self.seconds)

    @property
    def proved(self) -> int:
        """The plays that surely were counted; none where nothing is known of others."""
        if self.site_count is not None:
            return max(0, min(self.site_count, self.sent))
        others = self.most_others
        if others is None:
            return 0
        # Of a part of a view there is none.
        surely = self.rise - (self.step - 1) - self.own - others
        return max(0, min(int(surely + 1e-9), self.sent))


@dataclass(frozen=True, slots=True)
class Verdict:
    """`plays`: proved (SETTLE), or to send again (RESEND). `remark`: for the staff. `note`: by what
    it is proved. `seconds`: until the next reading (WAIT); None: whenever it suits."""

    action: Action
    plays: int = 0
    remark: ReasonOrText = ""
    note: ReasonOrText = ""
    seconds: float | None = None


def judge(evidence: Evidence) -> Verdict:
    """Settle what the counter proves, wait while it may lag, send again what it lost.

    A counter that fell or never moved proves nothing against plays that the site received: it is
    shown to the staff and waited for before anything is refunded.
    """
    if evidence.site_count is not None:
        return _judge_exactly(evidence, evidence.site_count)
    sent, rise = evidence.sent, evidence.rise
    if evidence.proved >= sent:
        return _settled(evidence)
    if evidence.may_lag:
        shows_all = rise - evidence.own >= sent
        return Verdict(Action.WAIT, seconds=evidence.rest_left or None if shows_all else None)
    if rise <= 0 and sent:
        doubt = _doubt(sent, rise)
        if evidence.may_still_move:
            return Verdict(Action.WAIT, remark=doubt)
        kept = evidence.since_fall
        if kept is None or not kept.proved:
            return Verdict(Action.SETTLE, 0, doubt)
        return Verdict(Action.SETTLE, kept.proved, doubt, note_of(kept))
    if evidence.is_catching_up:
        return Verdict(Action.WAIT)
    if evidence.rest_left > 0:
        return Verdict(Action.WAIT, seconds=evidence.rest_left)
    missing = sent - evidence.proved
    if evidence.is_quiet and missing <= evidence.allowance:
        return Verdict(Action.RESEND, missing)
    return _settled(evidence)


def _judge_exactly(evidence: Evidence, site_count: int) -> Verdict:
    missing = evidence.sent - site_count
    if missing > 0 and (evidence.may_lag or evidence.is_catching_up):
        return Verdict(Action.WAIT)
    if 0 < missing <= evidence.allowance:
        return Verdict(Action.RESEND, missing)
    return _settled(evidence)


def _settled(evidence: Evidence) -> Verdict:
    return Verdict(Action.SETTLE, evidence.proved, _drift(evidence), note_of(evidence))


def note_of(evidence: Evidence) -> Reason:
    """By what the plays are proved, and how surely."""
    if evidence.site_count is not None:
        return Reason.of(Code.PROVED_BY_ORDER_NUMBER, number=evidence.site_count)
    if evidence.is_quiet:
        return Reason.of(Code.PROVED_WITHOUT_OTHERS, rise=evidence.rise)
    return Reason.of(
        Code.PROVED_BESIDE_OTHERS,
        rise=evidence.rise,
        others=round(evidence.others),
        most=round(evidence.most_others or 0),
        confidence=CONFIDENCE,
        number=evidence.proved,
    )


def evidence_of(
    watch: Watch,
    *,
    sent: int,
    may_lag: bool,
    may_still_move: bool,
    allowance: int,
    counts_readings: bool | None,
    lag: float,
    is_catching_up: bool = False,
    site_count: int | None = None,
) -> Evidence:
    """Others are ruled out (`is_quiet`) once the counter stood still for `needed` seconds, of which
    `seen` have passed; if others were seen, they are counted for `needed` seconds.

    `lag`: of the site's counter, in seconds. `counts_readings`: None where nobody knows; the lower
    bound takes that for yes until it was seen to stand still."""
    is_silent = counts_readings is False or (
        counts_readings is None and (watch.note_silence(lag) or watch.matches >= MATCHES)
    )
    rests = watch.rests
    if counts_readings:  # each rest ends with a reading that moved it, and other looks did, too
        rests = [Rest(max(0, rest.views - rest.own), rest.seconds) for rest in rests]
    leap = _leap(watch, lag, sent, is_silent)
    moved, seen = _seen_of_others(watch, rests, may_lag=may_lag)
    needed = max(_seconds_of_rest(_shown_in(watch, sent, is_silent), sent, is_silent), leap)
    if watch.exposure().rise - watch.own > MOST_QUIET * sent:
        needed = max(needed, REST_BESIDE_MORE)  # somebody else was there, or stands still in a leap
    is_quiet = not moved and (seen >= needed or watch.matches >= MATCHES)
    if moved:
        seen = sum(rest.seconds for rest in rests)
        needed = seen if may_lag else max(_seconds_to_count(watch.sending_seconds), leap)
    elif is_quiet:
        needed = seen
    if not moved and not is_silent and counts_readings is None:
        needed = max(needed, lag)  # until it is seen whether it stands still
    evidence = Evidence(
        sent=sent,
        rise=0,
        may_lag=may_lag,
        may_still_move=may_still_move,
        allowance=allowance,
        # Where it moves in leaps, that it stood still for less than one tells nothing.
        rests=tuple(rest for rest in rests if rest.views or rest.seconds >= leap),
        is_quiet=is_quiet,
        # A rest is as much shorter as its readings take.
        rest_left=needed - seen + SHORTEST_REST if needed > seen else 0.0,
        is_catching_up=is_catching_up,
        site_count=site_count,
        step=watch.step,
    )
    found = [
        replace(
            evidence,
            rise=exposure.rise,
            own=0 if is_silent else exposure.own,
            seconds=exposure.seconds + leap,  # the first reading may have been of before
        )
        for exposure in (watch.exposure(), watch.prompt)
        if exposure is not None
    ]
    best = max(found, key=lambda one: one.proved)
    return replace(best, since_fall=_since_fall(watch, best, is_silent))


def _since_fall(watch: Watch, whole: Evidence, is_silent: bool) -> Evidence | None:
    fall, last = watch.fall, watch.last
    if fall is None or last is None:
        return None
    sent = max(0, whole.sent - fall.done)
    rise = last.views - fall.views - sum(rest.views for rest in watch.rests)
    if rise > MOST_QUIET * sent:
        return None  # who shows more again than we sent showed too little by mistake
    own = 0 if is_silent else watch.own - fall.own
    seconds = last.answered - fall.asked - sum(rest.seconds for rest in watch.rests)
    return replace(whole, sent=sent, rise=rise, own=own, seconds=max(0.0, seconds))


def _leap(watch: Watch, lag: float, sent: int, is_silent: bool) -> float:
    """For how many seconds the counter may stand still though it was moved."""
    leap = max(watch.late, lag if lag > LEAPING_LAG else 0.0)
    if watch.stood > lag:
        leap = max(leap, LEAP_MARGIN * watch.stood)
        leap = max(leap, LONGEST_COUNT) if leap > LONG_LEAP else leap
    exposures = [watch.exposure(), *([watch.prompt] if watch.prompt else [])]
    shows_ours = any(one.rise - (0 if is_silent else one.own) == sent for one in exposures)
    is_telling = leap <= LONG_LEAP or (watch.at_once and sent >= TELLING_PLAYS)
    return 0.0 if shows_ours and is_telling else leap


def _seen_of_others(watch: Watch, rests: list[Rest], *, may_lag: bool) -> tuple[int, float]:
    """By how much others moved it, and in how many seconds in which they could be seen."""
    moved, seen = sum(rest.views for rest in rests), sum(rest.seconds for rest in rests)
    if watch.after is not None and (may_lag or not rests):
        moved += watch.after.views
        seen = max(seen, watch.after.seconds)
    return moved, seen


def is_catching_up(watch: Watch, reading: Reading, *, sent: int) -> bool:
    """Whether a counter that lacks some of `sent` rose since last by more than others explain."""
    last = watch.last
    if last is None or last.views - watch.before >= sent:
        return False
    moved, seconds = reading.views - last.views, reading.answered - last.asked
    return moved > (most(watch.rests, seconds) or 0.0)


def _shown_in(watch: Watch, sent: int, is_silent: bool) -> Exposure:
    """Until the first reading after the last play, where that showed all: later readings would make
    it grow as fast as the rest that it asks for."""
    prompt = watch.prompt
    return prompt if prompt and _shows_all(prompt, sent, is_silent) else watch.exposure()


def _shows_all(exposure: Exposure, sent: int, is_silent: bool) -> bool:
    return exposure.rise - (0 if is_silent else exposure.own) >= sent


def _seconds_of_rest(exposure: Exposure, sent: int, is_silent: bool) -> float:
    """How long to look out for others before saying that there are none: for as long as they could
    have come, where the counter lacks some of ours."""
    if not _shows_all(exposure, sent, is_silent):
        return max(SHORTEST_REST, min(exposure.seconds, LONGEST_COUNT))
    needed = exposure.seconds * PLAYS_OF_REST / max(1, sent)
    return max(SHORTEST_REST, min(needed, LONGEST_REST, max(exposure.seconds, 1.0)))


def _seconds_to_count(sending: float) -> float:
    return min(sending, max(LONGEST_COUNT, LEAST_SHARE * sending))


def _doubt(sent: int, rise: int) -> Reason:
    if rise < 0:
        return Reason.of(Code.COUNTER_FELL, number=-rise, sent=sent)
    return Reason.of(Code.COUNTER_STOOD_STILL, sent=sent)


def _drift(evidence: Evidence) -> ReasonOrText:
    """Others' views are their own business, unless they are most of the movement."""
    sent, rise = evidence.sent, evidence.rise
    if evidence.step > 1:
        return Reason.of(COUNTER_ROUNDS, number=evidence.step)
    if rise - evidence.own - (evidence.most_others or 0) <= 2 * sent + 100:
        return ""
    return Reason.of(Code.COUNTER_ROSE_TOO_FAR, number=rise, sent=sent)
