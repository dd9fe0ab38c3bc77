"""What a site's answer to a play means when it does not count the play. Pure.

What surely was not counted (retry.NOT_NOW) is worth sending again: with or without a Retry-After
the site asks for less, as proxies do where a limit is reached. Other refusals end the play, some
of them the whole order. All else leaves open whether the play was counted.
"""

import ssl
from dataclasses import dataclass

from booster.engine.batch import Outcome
from booster.engine.message import AnswerHead
from booster.exceptions import SiteCode, SiteError, is_own_limit
from booster.retry import NOT_NOW, RUN_PATIENCE_SECONDS, seconds_to_wait

# Answers that mean the whole order and not this play: no further play is sent.
REFUSES_ALL = frozenset({400, 401, 403, 404, 405, 410, *range(300, 400)})
# How some limits say that plays come too fast, where others were taken just before.
BANS = frozenset({403})


@dataclass(frozen=True, slots=True)
class Meaning:
    outcome: Outcome  # of the play, unless it is sent `again`
    stopped: str  # the run ends so after such plays in a row, or at once if `all` are meant
    reason: SiteError
    again: bool = False
    all: bool = False
    not_now: bool = False  # the site asks for less
    retry_after: float | None = None  # seconds it asks for
    is_used_up: bool = False  # what it gives in a while: none is taken until then

    @property
    def sends_away(self) -> bool:
        """It asks for a longer pause than a run waits for."""
        return self.retry_after is not None and self.retry_after > RUN_PATIENCE_SECONDS


def interpret(status: int, head: bytes, now: float) -> Meaning:
    """`now`: seconds since the epoch, for a Retry-After that is a date."""
    reason = SiteError(SiteCode.PLAY_ANSWERED, status=status)
    headers = AnswerHead(head).headers
    retry_after = seconds_to_wait(status, headers, now=now)
    if status in NOT_NOW:
        return Meaning(
            Outcome.REFUSED,
            "unavailable",
            reason,
            again=True,
            not_now=True,
            retry_after=retry_after,
            is_used_up=status == 429 and (retry_after or 0.0) > RUN_PATIENCE_SECONDS,
        )
    location = headers.get("location", "")[:200]
    if 300 <= status < 400 and location:
        reason = SiteError(SiteCode.PLAY_REDIRECTED, status=status, location=location)
    if 300 <= status < 500 and status != 408:
        return Meaning(Outcome.REFUSED, "refused", reason, all=status in REFUSES_ALL)
    return Meaning(Outcome.UNCERTAIN, "unavailable", reason, again=True)


def no_connection(site: str, error: OSError, connect_timeout: float) -> SiteError:
    if is_own_limit(error):
        return SiteError(SiteCode.OWN_LIMIT, error=str(error))
    if isinstance(error, ConnectionRefusedError):
        return SiteError(SiteCode.CONNECTION_REFUSED, site=site)
    if isinstance(error, ssl.SSLCertVerificationError):
        return SiteError(SiteCode.CERTIFICATE_NOT_VALID, site=site, error=str(error.verify_message))
    if isinstance(error, TimeoutError):
        return SiteError(SiteCode.CONNECTION_TIMED_OUT, site=site, seconds=connect_timeout)
    return SiteError(SiteCode.CONNECTION_IMPOSSIBLE, site=site, error=str(error))


def asked_to_wait(reason: SiteError, seconds: float) -> SiteError:
    return SiteError(SiteCode.SITE_ASKS_TO_WAIT, reason=reason, seconds=round(seconds))


def failed_in_a_row(reason: SiteError, plays: int) -> SiteError:
    return SiteError(SiteCode.PLAYS_FAILED_IN_A_ROW, reason=reason, number=plays)
