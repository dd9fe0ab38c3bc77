"""Bulk actions on orders. Each order goes its way through the state machine, as by its own button.

Orders are locked before customers, both by rising id: deliveries hold one order and then its
customer, other blocks and imports do as here, so nobody waits in a circle.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from core import ordering
from core.bulk.kind import Kind, Outcome
from core.models import FINAL, FLOW, Customer, Order, OrderError, Status, User


class OrderKind(Kind):
    model = Order
    permission = "core.change_order"
    group = "status"
    sum_of = "price"
    moves_money: ClassVar[bool] = False

    def do(self, ids: Sequence[int]) -> Outcome:
        outcome = Outcome()
        by = self.job.creator
        assert by is not None
        rows = Order.objects.select_for_update(of=("self",)).select_related("site")
        orders = list(rows.filter(pk__in=ids).order_by("pk"))
        if self.moves_money:
            owners = {order.customer_id for order in orders}
            customers = Customer.objects.select_for_update().filter(pk__in=owners)
            list(customers.order_by("pk").values_list("pk"))
        for order in orders:
            try:
                self.change(order, by)
            except OrderError as error:
                outcome.refused.append((order.pk, order.oid, str(error)))
            else:
                outcome.changed.append((order.pk, order.oid))
                if self.moves_money:
                    outcome.amount += order.refunded
        return outcome

    @abstractmethod
    def change(self, order: Order, by: User) -> None:
        """Raises OrderError where it cannot be done, and has then changed nothing."""


class CancelOrders(OrderKind):
    moves_money = True

    @classmethod
    def takes(cls, group: Any) -> bool:
        return Status.CANCELED in FLOW[Status(group)]

    def change(self, order: Order, by: User) -> None:
        if order.is_final:
            raise OrderError(ended(order))
        if order.cancel_requested:
            raise OrderError(_("It was asked to stop before."))
        # Why an order that awaited approval was not delivered is read by its customer; this note
        # was written for the desk.
        awaits = order.status == Status.AWAITING
        ordering.cancel(order, by, "" if awaits else self.job.note)

    def told(self) -> str:
        return _("Canceled by bulk action %(number)s.") % {"number": self.job.pk}


class RetryOrders(OrderKind):
    @classmethod
    def takes(cls, group: Any) -> bool:
        return group not in FINAL and group != Status.AWAITING

    def change(self, order: Order, by: User) -> None:
        if order.is_final:
            raise OrderError(ended(order))
        if order.status == Status.AWAITING:
            raise OrderError(_("It waits for approval."))
        ordering.retry(order, by)

    def told(self) -> str:
        return _("Retried by bulk action %(number)s.") % {"number": self.job.pk}


class ApproveOrders(OrderKind):
    permission = "core.approve_order"

    @classmethod
    def takes(cls, group: Any) -> bool:
        return bool(group == Status.AWAITING)

    def change(self, order: Order, by: User) -> None:
        if order.status != Status.AWAITING:
            raise OrderError(
                _("It does not wait for approval: %(status)s.")
                % {"status": order.get_status_display()}
            )
        ordering.approve(order, by)

    def told(self) -> str:
        return _("Approved by bulk action %(number)s.") % {"number": self.job.pk}


def ended(order: Order) -> str:
    return _("It has ended already: %(status)s.") % {"status": order.get_status_display()}
