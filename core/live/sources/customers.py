"""Customers as they are watched: "customer:<id>" is a balance and which order is the newest,
"orders" the newest order of all. A list offers newer rows; it does not push rows away from under a
hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, When

from core import live
from core.live.source import Asked, Audience, Authorized, authorized, ids_of
from core.models import Customer, Order
from core.pages import display
from core.permissions import Right


def newest(orders: QuerySet[Order]) -> QuerySet[Order, int]:
    """The number of the newest of these rows, if there is one."""
    return orders.order_by("-pk").values_list("pk", flat=True)[:1]


WATCHED = ("balance", Subquery(newest(Order.objects.filter(customer=OuterRef("pk")))))


class CustomerSource(live.Source):
    prefix = "customer"

    def authorize(self, asked: Asked) -> Authorized:
        owner = Case(When(active=True, then="user"))
        return authorized(asked, Customer.objects.all(), owner, Right.SEE_CUSTOMERS)

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """A new order is paid for, so that one of a lower number than the newest shows as well."""
        rows = Customer.objects.filter(pk__in=ids_of(keys)).order_by()
        return {str(pk): tuple(rest) for pk, *rest in rows.values_list("pk", *WATCHED)}

    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]:
        balance, newest = loaded
        return {"balance": display.money(balance), "newest": newest or 0}


class NewestOrder(live.StaffSource):
    """The highest number alone, against the feed's rule: a list offers newer rows by it, and shows
    all there are once it is asked. An order that became visible after one of a higher number is
    offered with the next."""

    prefix = "orders"
    right = Right.SEE_ORDERS

    def load(self, keys: Sequence[str]) -> Mapping[str, Any]:
        return dict.fromkeys(keys, newest_order())

    def render(self, loaded: Any, audience: Audience) -> dict[str, Any]:
        return {"newest": loaded}


def newest_order(customer: Customer | None = None) -> int:
    """0: there is none."""
    return newest(customer.orders.all() if customer else Order.objects.all()).first() or 0


live.register(CustomerSource())
live.register(NewestOrder())
