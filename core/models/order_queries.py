"""Orders as a set: what lists, pages and consumers ask of it, how one more is placed, and THE
change of status, written here for one order and for thousands."""

import datetime
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Lookup, Q, Value, When
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext_lazy as _

from core import money
from core.db import statements
from core.db.notifier import notify
from core.models.accounts import Customer, User
from core.models.approvals import ApprovalLimit
from core.models.events import REASON_LENGTH, OrderEvent
from core.models.failpoints import failpoint
from core.models.flow import OPEN, WORKABLE, Status, TransitionError, VideoBusyError
from core.models.ledger import LedgerEntry, Posting, order_reference, refund_reference
from core.models.sites import Site

if TYPE_CHECKING:
    from core.models.orders import Order
    from core.models.transitions import Transition


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

    def apply(self, chosen: "Sequence[tuple[Order, Transition]]", actor: User | None) -> None:
        """THE change of status, of one order or of a block of them: each conditional on what its
        transition expects, with an event for each step and the ledger entry that it pays for, all
        in one transaction. Raises TransitionError where somebody else changed one of the orders
        first; then nothing has changed.

        Orders are locked before customers, both by rising id where the caller holds a block.
        """
        if any(transition.ends for _order, transition in chosen):
            failpoint("before-settle")
        # Whoever acts under a lease lets an error undo all: a savepoint would only cost time.
        is_under_lease = all("fence" in transition.expected for _order, transition in chosen)
        with transaction.atomic(using=self.db, savepoint=not is_under_lease):
            for conditions, rows in _alike(chosen):
                expected = self.filter(pk__in=list(rows), **conditions)
                if expected.update(**_columns(self.model, rows)) != len(rows):
                    raise TransitionError(_("Somebody else changed this order first; look again."))
            _record_events(chosen, actor)
            _pay_refunds(chosen, actor)
        if any(transition.ends for _order, transition in chosen):
            failpoint("after-settle")
        for order, transition in chosen:
            order.show_changes(transition.values)

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


Values = dict[str, Any]


def _alike(
    chosen: "Sequence[tuple[Order, Transition]]",
) -> Iterator[tuple[Values, dict[int, Values]]]:
    """Conditions, with the values of all orders, by id, that one UPDATE can write under them."""
    found: dict[Any, dict[int, Values]] = {}
    for order, transition in chosen:
        conditions, values = transition.conditions, transition.values
        rows = found.setdefault((tuple(conditions.items()), tuple(values)), {})
        rows[order.pk] = values
    for (conditions, _names), rows in found.items():
        yield dict(conditions), rows


def _columns(model: type[models.Model], rows: Mapping[int, Values]) -> Values:
    """What update() takes: a value where it is the same for all rows, else a CASE of their ids."""
    first = next(iter(rows.values()))
    return {
        name: value
        if all(values[name] == value for values in rows.values())
        else _by_id(model._meta.get_field(name), {pk: values[name] for pk, values in rows.items()})
        for name, value in first.items()
    }


def _by_id(field: Any, values: Mapping[int, Any]) -> Cast:
    cases = (When(pk=pk, then=Value(value, output_field=field)) for pk, value in values.items())
    return Cast(Case(*cases, output_field=field), output_field=field)


def _record_events(chosen: "Sequence[tuple[Order, Transition]]", actor: User | None) -> None:
    """An event for each step of each path; the last one of a path says why."""
    OrderEvent.objects.bulk_create(
        OrderEvent(
            order=order,
            from_status=before,
            to_status=after,
            reason=str(transition.reason)[:REASON_LENGTH] if after is transition.path[-1] else "",
            creator=actor,
        )
        for order, transition in chosen
        for before, after in pairwise(transition.path)
    )
    notify()


def _pay_refunds(chosen: "Sequence[tuple[Order, Transition]]", actor: User | None) -> None:
    refunds = [
        Posting(
            kind=LedgerEntry.Kind.REFUND,
            customer_id=order.customer_id,
            amount=transition.refund,
            reference=refund_reference(order.oid),
            order=order,
            creator_id=actor.pk if actor else None,
        )
        for order, transition in chosen
        if transition.refund
    ]
    if refunds:
        failpoint("before-refund")
        LedgerEntry.objects.post_many(refunds)
        failpoint("after-refund")


def new_oid(customer_id: int) -> str:
    """Customer id and timestamp to the microsecond (UTC), as the office's papers show it."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{customer_id}-{now:%Y%m%d%H%M%S%f}"
