"""Live customers: "customer:<id>" is a balance and the newest order, "orders" the newest order of
all. A list offers newer rows but does not move rows under a person's hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, When

from core import live
from core.live.source import Asked, Audience, Authorized, authorized, ids_of
from core.models import Customer, Order
from core.pages import display
from core.permissions import Right


def newest(orders: QuerySet[Order]) -> QuerySet[Order, int]:
    """The id of the newest order, if any."""
    return orders.order_by("-pk").values_list("pk", flat=True)[:1]


WATCHED = ("balance", Subquery(newest(Order.objects.filter(customer=OuterRef("pk")))))


class CustomerSource(live.Source):
    prefix = "customer"

    def authorize(self, asked: Asked) -> Authorized:
        owner = Case(When(active=True, then="user"))
        return authorized(asked, Customer.objects.all(), owner, Right.SEE_CUSTOMERS)

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """A new order changes the balance, so one with a lower number than the newest shows too."""
        rows = Customer.objects.filter(pk__in=ids_of(keys)).order_by()
        return {str(pk): tuple(rest) for pk, *rest in rows.values_list("pk", *WATCHED)}

    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]:
        balance, newest = loaded
        return {"balance": display.money(balance), "newest": newest or 0}


class NewestOrder(live.StaffSource):
    """The highest id alone, against the feed's rule: a list uses it only to offer newer rows, and
    then shows all. An order that appears after a higher id is offered with the next."""

    prefix = "orders"
    right = Right.SEE_ORDERS

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return dict.fromkeys(keys, newest_order())

    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]:
        return {"newest": loaded}


def newest_order(customer: Customer | None = None) -> int:
    """0 if there is none."""
    return newest(customer.orders.all() if customer else Order.objects.all()).first() or 0


live.register(CustomerSource())
live.register(NewestOrder())
