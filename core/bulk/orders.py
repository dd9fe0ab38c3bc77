"""Bulk actions on orders. A block is one look with locks, a decision for each order by the rules of
its own button (core/models/transitions.py), and a handful of statements.

Orders are locked before customers, both by rising id: deliveries hold one order and then its
customer, other blocks and imports do as here, so nobody waits in a circle.
"""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from booster import tasks
from core.bulk.action import BulkAction, Outcome
from core.models import WORKABLE, Order, OrderError, Status, probe_now, transitions
from core.models.flow import CANCELABLE, RETRYABLE
from core.models.transitions import Transition
from core.permissions import Right
from core.reasons import Code, Reason

# What the decisions ask of an order.
COLUMNS = (
    *("oid", "status", "customer_id", "creator_id", "site_id", "count", "price", "done", "fence"),
    "cancel_requested",
)


class OrderAction(BulkAction):
    model = Order
    group = "status"
    sum_of = "price"

    def do(self, ids: Sequence[int]) -> Outcome:
        outcome = Outcome()
        chosen: list[tuple[Order, Transition]] = []
        now = timezone.now()
        for order in locked(ids):
            try:
                transition = self.transition(order, now)
            except OrderError as error:
                outcome.refused.append((order.pk, order.oid, error.reason))
            else:
                chosen.append((order, transition))
                outcome.changed.append((order.pk, order.oid))
                outcome.amount += transition.refund
        assert self.job.creator is not None
        transitions.apply(chosen, self.job.creator)
        self.follow([order for order, one in chosen if one.path[-1] in WORKABLE])
        return outcome

    @abstractmethod
    def transition(self, order: Order, now: datetime) -> Transition:
        """Raises OrderError where it cannot be done."""

    def follow(self, orders: Sequence[Order]) -> None:
        """What these, which a consumer works on from now on, ask for once it is committed."""
        tasks.wake_on_commit([order.pk for order in orders])


class CancelOrders(OrderAction):
    right = Right.CANCEL_ORDER

    @classmethod
    def takes(cls, group: Any) -> bool:
        return group in CANCELABLE

    def transition(self, order: Order, now: datetime) -> Transition:
        # Why an order that awaited approval was not delivered is read by its customer; this note
        # was written for the desk.
        awaits = order.status == Status.AWAITING
        transition = transitions.cancel(order, "" if awaits else self.job.note, now)
        if transition is None:
            raise OrderError(Reason.of(Code.STOP_ALREADY_REQUESTED))
        return transition

    def told(self) -> str:
        return _("Canceled by bulk action %(number)s.") % {"number": self.job.pk}


class RetryOrders(OrderAction):
    right = Right.RETRY_ORDER

    @classmethod
    def takes(cls, group: Any) -> bool:
        return group in RETRYABLE

    def transition(self, order: Order, now: datetime) -> Transition:
        return transitions.retry(order)

    def follow(self, orders: Sequence[Order]) -> None:
        probe_now({order.site_id for order in orders})
        super().follow(orders)

    def told(self) -> str:
        return _("Retried by bulk action %(number)s.") % {"number": self.job.pk}


class ApproveOrders(OrderAction):
    right = Right.APPROVE_ORDER

    @classmethod
    def takes(cls, group: Any) -> bool:
        return bool(group == Status.AWAITING)

    def transition(self, order: Order, now: datetime) -> Transition:
        assert self.job.creator is not None
        return transitions.approve(order, self.job.creator)

    def told(self) -> str:
        return _("Approved by bulk action %(number)s.") % {"number": self.job.pk}


def locked(ids: Sequence[int]) -> list[Order]:
    rows = Order.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    return list(rows.only(*COLUMNS))
