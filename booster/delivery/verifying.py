"""The end of an order: read the site's counter, and settle, wait or send again.

Law 3: a site's 2xx says "received"; only its counter ends an order as completed. What a reading
means is decided by `booster.proof`; here it is asked for and carried out, under the run's lease.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from booster import retry
from booster.delivery.deadline import is_late
from booster.ownership import verification
from booster.proof import Action, Evidence, Verdict, judge
from booster.sites.base import SiteAdapter
from core.models import CounterReading, Lease, Site, Status
from core.reasons import Code, Reason, ReasonOrText, columns, read


class CounterProof:
    """What the counter of an order's video shows of its plays, and what follows from it."""

    def __init__(self, lease: Lease, site: Site, adapter: SiteAdapter) -> None:
        self.lease = lease
        self.order = lease.order
        self.site = site
        self.adapter = adapter

    def conclude(self, views: int) -> float | None:
        """All is out that will go out, and the counter shows `views`: settle, wait or send again.
        Returns as delivery.run() does."""
        order, before = self.order, self.order.view_count
        first = order.status == Status.RUNNING
        # A counter that still moves is waited for.
        if first or (before is not None and views > before):
            order.verify_until = timezone.now() + self._settle_time()
        order.view_count = views
        verdict = judge(self._evidence())
        with transaction.atomic():
            self.record_reading(views)
            if first and verdict.action != Action.SETTLE:
                self.begin_verifying()
            return self._act(verdict)

    def _evidence(self) -> Evidence:
        order = self.order
        assert order.verify_until is not None
        now = timezone.now()
        allowance = order.count * self.site.resend_percent // 100 - order.resent
        return Evidence(
            sent=order.done + order.uncertain,
            rise=order.rise or 0,
            may_lag=retry.may_lag(order.verify_until, now),
            may_still_move=retry.may_still_move(order.verify_until, now),
            allowance=0 if order.reserved < order.count or is_late(order) else allowance,
        )

    def _act(self, verdict: Verdict) -> float | None:
        """Do what the counter's reading calls for, in the caller's transaction."""
        order = self.order
        match verdict.action:
            case Action.SETTLE:
                self.settle(verdict.plays, verdict.remark)
                return None
            case Action.RESEND:
                return self._send_again(verdict.plays)
        delay = self._seconds_to_reading()
        self.lease.release(
            delay,
            view_count=order.view_count,
            verify_until=order.verify_until,
            attempts=0,
            **columns(verdict.remark, "attention"),
        )
        return delay

    def _seconds_to_reading(self) -> float:
        assert self.order.verify_until is not None
        waited = timezone.now() - self.order.verify_until + self._settle_time()
        return retry.seconds_to_reading(waited)

    def _send_again(self, missing: int) -> float:
        """The counter had its time and lacks `missing` plays; the site may have lost them."""
        order = self.order
        self._move(
            Status.RUNNING,
            reason=Reason.of(Code.PLAYS_SENT_AGAIN, number=missing),
            done=order.done + order.uncertain - missing,
            failed=order.failed + missing,
            reserved=order.reserved - missing,
            resent=order.resent + missing,
            uncertain=0,
            view_count=order.view_count,
            attempts=0,  # those were failed readings
        )
        self.lease.release()
        return 0.0

    def settle(self, delivered: int, remark: ReasonOrText = "") -> None:
        order = self.order
        whole = delivered == order.count
        shown = Reason.of(Code.COUNTER_SHOWS_A_PART, number=delivered, sent=order.count)
        order.settle(
            Status.COMPLETED if whole else Status.PARTIAL,
            delivered,
            reason="" if whole else self._last_reason() or shown,
            under=order.fence,
            # A counter that shows all at the first look is verified in the same moment.
            through=(Status.VERIFYING,) if order.status == Status.RUNNING else (),
            view_count=order.view_count,
            **columns(remark, "attention"),
        )

    def begin_verifying(self, reason: ReasonOrText = "") -> None:
        self._move(
            Status.VERIFYING,
            reason=reason,
            verify_until=timezone.now() + self._settle_time(),
            attempts=0,  # those were failed sends
        )

    def _settle_time(self) -> timedelta:
        return timedelta(seconds=self.adapter.settle_seconds)

    def views(self) -> int:
        client = verification.client_of(self.site)
        return self.adapter.read_count(client, self.order.video_id)

    def record_reading(self, views: int) -> None:
        CounterReading.record_reading(self.order, views)

    def _move(self, to: Status, reason: ReasonOrText = "", **changes: object) -> None:
        self.order.move(to, under=self.order.fence, reason=reason, **changes)

    def _last_reason(self) -> ReasonOrText:
        last = self.order.events.order_by("-id").first()
        return read(last) if last else ""
