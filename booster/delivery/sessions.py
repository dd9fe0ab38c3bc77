"""Sites that want to be asked for a token or a login first: once for all orders of a round that
share the session, over the channel that gets the plays.

A session that the site takes no more is renewed where it has been of use, but only a few times in
ten minutes: a site may want a new token for each play.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from itertools import count

from booster import retry
from booster.delivery.delivery import Delivery
from booster.engine import Channel, Fetched
from booster.exceptions import PermanentError, SiteCode, SiteError
from booster.sites import SiteAdapter
from booster.sites.session import Preparing, Session

# Answers by which sites say that they do not know the session or its token any more: 400 is said by
# Flask-WTF, ASP.NET and Yii, 419 by Laravel, 422 by Rails, 440 by IIS.
SESSION_ENDED = frozenset({400, 401, 403, 419, 422, 440, *range(300, 400)})

Key = tuple[int, object]


@dataclass(slots=True)
class SiteSession:
    key: Key
    channel: Channel
    preparing: Preparing
    renewals: deque[float]  # time.monotonic() of the last ones
    began: float = field(default_factory=time.monotonic)
    session: Session | None = None  # once it may be used
    was_of_use: bool = False
    error: Exception | None = None
    failed: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether its failure is old enough to try again."""
        failed_for = time.monotonic() - self.failed
        return self.error is not None and failed_for >= retry.SESSION_AGAIN_SECONDS

    def may_be_renewed(self, now: float) -> bool:
        is_known = self.was_of_use or now - self.began > retry.SESSION_OLD_SECONDS
        recent = [at for at in self.renewals if now - at <= retry.SESSION_RENEWAL_SECONDS]
        return is_known and len(recent) < retry.SESSION_RENEWALS


class Sessions:
    """Those of a round."""

    def __init__(self) -> None:
        self._sessions: dict[Key, SiteSession] = {}
        self._asked: dict[int, SiteSession] = {}  # by the keys of their calls, which are no order's
        self._of_order: dict[int, SiteSession] = {}
        self._adapters: dict[int, SiteAdapter] = {}  # of orders, in their session
        self._numbers = count(-1, -1)

    def adapter_of(self, delivery: Delivery) -> SiteAdapter | None:
        """The adapter, in its session where the site wants one; None while that is prepared.
        Raises why that failed: a SiteError, or what we did wrong."""
        video = delivery.order.video_id
        if delivery.adapter.preparing(video) is None:
            return delivery.adapter
        key = (delivery.link.site.pk, delivery.adapter.session_key(video))
        session = self._sessions.get(key)
        if session is None or session.channel is not delivery.link.channel or session.is_over:
            session = self._begin(delivery, key, deque(maxlen=retry.SESSION_RENEWALS))
        if session.error is not None:
            raise session.error
        if session.session is None:
            return None
        if self._of_order.get(delivery.key) is not session:
            self._of_order[delivery.key] = session
            self._adapters[delivery.key] = delivery.adapter.in_session(session.session)
        return self._adapters[delivery.key]

    def masked(self, delivery: Delivery, error: SiteError) -> SiteError:
        """What the site answered, without secrets."""
        return self._adapters.get(delivery.key, delivery.adapter).masked(error)

    def report_use(self, delivery: Delivery) -> None:
        """The site took a play, or told its counter, in the order's session."""
        if session := self._of_order.get(delivery.key):
            session.was_of_use = True

    def renew(self, delivery: Delivery, reason: SiteError) -> bool:
        """Whether a new session may help after this refusal, and has been asked for."""
        session, now = self._of_order.get(delivery.key), time.monotonic()
        if session is None or status_of(reason) not in SESSION_ENDED:
            return False
        if self._sessions.get(session.key) is session:
            if not session.may_be_renewed(now):
                return False
            session.renewals.append(now)
            del self._sessions[session.key]
            self._begin(delivery, session.key, session.renewals)
        self.forget(delivery)
        return True

    def forget(self, delivery: Delivery) -> None:
        """The order has left, or has to find its session anew."""
        self._of_order.pop(delivery.key, None)
        self._adapters.pop(delivery.key, None)

    def take(self, event: Fetched) -> bool:
        """An answer of the round; whether it was meant for a session."""
        if event.key >= 0:
            return False
        if session := self._asked.pop(event.key, None):
            self._go_on(session, event.result)
        return True

    def _begin(self, delivery: Delivery, key: Key, renewals: deque[float]) -> SiteSession:
        preparing = delivery.adapter.preparing(delivery.order.video_id)
        channel = delivery.link.channel
        assert preparing is not None
        assert channel is not None
        # Of channels that the site has no more.
        for known, one in list(self._sessions.items()):
            if known[0] == key[0] and one.channel is not channel:
                del self._sessions[known]
        session = self._sessions[key] = SiteSession(key, channel, preparing, renewals)
        self._ask(session)
        return session

    def _go_on(self, session: SiteSession, result: object) -> None:
        try:
            if isinstance(result, SiteError):
                raise result
            session.preparing.take(result)  # type: ignore[arg-type]
        except Exception as error:
            self._fail(session, error)
        else:
            self._ask(session)

    def _ask(self, session: SiteSession) -> None:
        try:
            call = session.preparing.call
            if call is None:
                session.session = session.preparing.session
                return
            number = next(self._numbers)
            session.channel.fetch(number, call)
            self._asked[number] = session
        except ValueError:
            self._fail(session, PermanentError(SiteCode.VALUE_NOT_SENDABLE, name="path"))
        except Exception as error:
            self._fail(session, error)

    def _fail(self, session: SiteSession, error: Exception) -> None:
        """Its orders are told; where we fail ourselves, each as if that were its own."""
        masked = session.preparing.masked(error) if isinstance(error, SiteError) else error
        session.error, session.failed = masked, time.monotonic()


def status_of(reason: SiteError) -> int | None:
    """What a site answered, also where it did so several times in a row."""
    if reason.status is not None:
        return reason.status
    params = reason.params
    while "status" not in params and isinstance(params.get("reason"), dict):
        params = params["reason"]["params"]
    status = params.get("status")
    return status if isinstance(status, int) else None
