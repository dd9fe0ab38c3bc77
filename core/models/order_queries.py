"""Orders as a set: what lists, pages and consumers ask of it, and how one more is placed."""

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, models, transaction
from django.db.models import F, Lookup, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core import money
from core.db import statements
from core.db.notifier import notify
from core.models.accounts import Customer, User
from core.models.approvals import ApprovalLimit
from core.models.events import OrderEvent
from core.models.failpoints import failpoint
from core.models.flow import OPEN, WORKABLE, Status, VideoBusyError
from core.models.ledger import LedgerEntry, order_reference
from core.models.sites import Site

if TYPE_CHECKING:
    from core.models.orders import Order


class InStatuses(Lookup):
    """`status IN (…)` with the numbers written out. SQLite uses a partial index only for a query
    that repeats its condition word for word, and a parameter is no word: without it, to look for
    an open order on a video read all orders of the site."""

    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        status, parameters = self.process_lhs(compiler, connection)
        return f"{status} IN ({', '.join(str(int(one)) for one in self.rhs)})", parameters


class OrderQuerySet(models.QuerySet["Order"]):
    def with_names(self) -> "OrderQuerySet":
        """What a listing shows of other tables, in one query."""
        return self.select_related("customer", "site", "creator")

    def open(self) -> "OrderQuerySet":
        return self.filter(InStatuses(F("status"), OPEN))

    def open_on(self, site: "Site | int", video_id: str) -> "OrderQuerySet":
        """The order that holds a video, if one does: the ground for refusing another."""
        return self.open().filter(site=site, video_id=video_id).order_by().only("pk")

    def needing_a_person(self) -> "OrderQuerySet":
        """With a remark nobody has marked as seen, ended or not; or waiting for approval. Their
        ids first, on indexes alone: SQLite would walk all orders in the order of the list."""
        waiting = self.model.objects.filter(Q(attention__gt="") | Q(status=Status.AWAITING))
        return self.filter(pk__in=waiting.values("pk"))

    def free_to_claim(self) -> "OrderQuerySet":
        """Due, and leased to nobody. The database's clock decides: hosts' clocks differ."""
        return self.filter(
            InStatuses(F("status"), WORKABLE),
            Q(lease_until__isnull=True) | Q(lease_until__lt=Now()),
            due__lte=Now(),
        )

    def on_the_wire(self, site: Site) -> "OrderQuerySet":
        """Orders that a consumer sends for at this moment."""
        return self.filter(site=site, status=Status.RUNNING, lease_until__gt=Now())

    def overdue(self, seconds: float) -> "models.QuerySet[Order, int]":
        """Ids of orders that nobody works on though they have been due for `seconds`."""
        late = self.free_to_claim().filter(due__lte=Now() - datetime.timedelta(seconds=seconds))
        return late.order_by("due").values_list("pk", flat=True)

    def place(
        self,
        *,
        customer: Customer,
        site: Site,
        video_id: str,
        url: str,
        count: int,
        price: Decimal,
        creator: User | None,
        bundle: money.Bundle | None = None,
        memo: str = "",
        hours: int = 0,
        by_day: bool = False,
        request_key: uuid.UUID | None = None,
        beside: "Callable[[Order], object] | None" = None,
    ) -> "Order":
        """Charge the customer and create the order, together or not at all. Above its creator's
        limit it awaits approval; it is charged and holds its video all the same. `beside(order)`
        writes what shall stand or fall with it.

        The same `request_key` again returns the order it made the first time and charges nothing.
        Raises InsufficientBalanceError and VideoBusyError.
        """
        request_key = request_key or uuid.uuid4()
        awaits = ApprovalLimit.objects.holds(price, creator)
        order = self.model(
            status=Status.AWAITING if awaits else Status.PENDING,
            customer=customer,
            site=site,
            video_id=video_id,
            url=url,
            count=count,
            price=price,
            unit_price=money.rate_of(price, count),
            bundle_count=bundle and bundle.count,
            bundle_price=bundle and bundle.price,
            creator=creator,
            memo=memo,
            hours=hours,
            by_day=by_day,
            request_key=request_key,
        )
        while True:
            order.oid = new_oid(customer.pk)
            try:
                with transaction.atomic(using=self.db):
                    statements.add(order)
                    failpoint("before-debit")
                    LedgerEntry.objects.post(
                        kind=LedgerEntry.Kind.ORDER,
                        customer_id=customer.pk,
                        amount=-price,
                        reference=order_reference(order.oid),
                        order=order,
                        creator_id=creator.pk if creator else None,
                    )
                    failpoint("after-debit")
                    OrderEvent.objects.create(order=order, to_status=order.status, creator=creator)
                    notify()
                    if beside:
                        beside(order)
                    failpoint("before-commit")
            except IntegrityError:
                if placed := self.filter(request_key=request_key).first():
                    return placed
                if self.open_on(site, video_id).exists():
                    raise VideoBusyError(_("Another order already runs on this video.")) from None
                if not self.filter(oid=order.oid).exists():
                    raise
                # Two orders of one customer in the same microsecond: the next one is free.
            else:
                failpoint("after-commit")
                return order


def new_oid(customer_id: int) -> str:
    """Customer id and timestamp to the microsecond (UTC), as the office's papers show it."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{customer_id}-{now:%Y%m%d%H%M%S%f}"
