"""Bulk actions on orders. A block is one locking SELECT, a decision for each order by the rules of
its button (core/models/transitions.py), and a few statements.

Orders are locked before customers, both by rising id. Deliveries hold one order and then its
customer; other blocks and imports lock in the same way, so they cannot deadlock.
"""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.bulk.action import BulkAction, Outcome
from core.db import clock
from core.models import Order, OrderError, Pause, RefundRefusedError, Status, transitions
from core.models.flow import CANCELABLE, PAUSABLE, RETRYABLE
from core.models.transitions import Transition
from core.ordering import actions
from core.permissions import Right
from core.reasons import Code, Reason

# Columns of an order that the decisions need.
COLUMNS = (
    *("oid", "status", "customer_id", "creator_id", "create_date", "site_id", "count"),
    *("price", "done", "fence", "reserved", "cancel_requested", "planned_start", "start_date"),
    *("hours", "pause_requested", "held_by_site", "paused_at", "paused_seconds", "shift_seconds"),
)


class OrderAction(BulkAction):
    model = Order
    group = "status"
    sum_of = "price"
    # Whether to try sites at once that seem down.
    probe_sites: ClassVar[bool] = False

    def apply(self, ids: Sequence[int]) -> Outcome:
        outcome = Outcome()
        chosen: list[tuple[Order, Transition]] = []
        now = clock.now()
        for order in locked(ids):
            try:
                transition = self.transition(order, now)
            except OrderError as error:
                outcome.refused.append((order.pk, order.oid, error.reason))
            else:
                chosen.append((order, transition))
        self.write(chosen, outcome)
        return outcome

    def write(self, chosen: Sequence[tuple[Order, Transition]], outcome: Outcome) -> None:
        """Write all at once, or one by one if a refund has no room."""
        assert self.job.creator is not None
        try:
            with transaction.atomic():
                actions.apply_transitions(chosen, self.job.creator, probe_sites=self.probe_sites)
        except RefundRefusedError as error:
            if len(chosen) > 1:
                for one in chosen:
                    self.write([one], outcome)
                return
            refused = chosen[0][0]
            outcome.refused.append((refused.pk, refused.oid, error.reason))
            return
        outcome.changed += [(order.pk, order.oid) for order, _transition in chosen]
        outcome.amount += sum((transition.refund for _order, transition in chosen), Decimal(0))

    @abstractmethod
    def transition(self, order: Order, now: datetime) -> Transition:
        """Raises OrderError if it cannot be done."""


class CancelOrders(OrderAction):
    right = Right.CANCEL_ORDER
    groups = CANCELABLE
    told = _("Canceled by bulk action %(number)s.")

    def transition(self, order: Order, now: datetime) -> Transition:
        # A customer reads why an order that awaits approval is canceled; the note is for the desk.
        note = "" if order.awaits_approval else self.job.note
        transition = transitions.cancel(order, note)
        if transition is None:
            raise OrderError(Reason.of(Code.STOP_ALREADY_REQUESTED))
        return transition


class PauseOrders(OrderAction):
    right = Right.PAUSE_ORDER
    groups = (*PAUSABLE, Status.PAUSED)
    told = _("Paused by bulk action %(number)s.")

    def transition(self, order: Order, now: datetime) -> Transition:
        return transitions.pause(order, self.job.note)


class ResumeOrders(OrderAction):
    right = Right.RESUME_ORDER
    groups = (*PAUSABLE, Status.PAUSED)
    told = _("Resumed by bulk action %(number)s.")
    shift: ClassVar[bool] = True

    def apply(self, ids: Sequence[int]) -> Outcome:
        self.held = Pause.objects.in_force()
        return super().apply(ids)

    def transition(self, order: Order, now: datetime) -> Transition:
        since = self.held.since(order.site_id)
        return transitions.go_on(order, now, shift=self.shift, held_since=since)


class CatchUpOrders(ResumeOrders):
    shift = False


class RetryOrders(OrderAction):
    right = Right.RETRY_ORDER
    groups = RETRYABLE
    told = _("Retried by bulk action %(number)s.")
    probe_sites = True

    def transition(self, order: Order, now: datetime) -> Transition:
        return transitions.retry(order)


class ApproveOrders(OrderAction):
    right = Right.APPROVE_ORDER
    groups = (Status.AWAITING,)
    told = _("Approved by bulk action %(number)s.")

    def apply(self, ids: Sequence[int]) -> Outcome:
        assert self.job.creator is not None
        self.close = Order.objects.closely_concerning(self.job.creator, ids)
        return super().apply(ids)

    def transition(self, order: Order, now: datetime) -> Transition:
        assert self.job.creator is not None
        return transitions.approve(order, self.job.creator, self.close)


def locked(ids: Sequence[int]) -> list[Order]:
    return list(Order.objects.select_for_update().filter(pk__in=ids).order_by("pk").only(*COLUMNS))
