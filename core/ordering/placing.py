"""From a quote to an order, one or thousands. Orders are created only here: each with its debit and
its first event, or not at all. The consumers hear of it after the commit. If something must commit
together with the order, the caller writes it in a transaction around this."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from booster import tasks
from core.db import clock
from core.db.notifier import notify
from core.models import ApprovalLimit, LedgerEntry, Order, OrderEvent, Posting, Status, User
from core.models.approvals import requires_approval
from core.models.failpoints import failpoint
from core.models.ledger import Fact, PostingRefusedError
from core.ordering.quote import VIDEO_BUSY, Quote, StartRefusedError, start_to_come
from core.reasons import Code, Reason, ReasonOrText, translate

# A number is taken if a customer orders twice in one microsecond.
NUMBER_TRIES = 3
LIMITS = {
    "memo": MaxLengthValidator(Order._meta.get_field("memo").max_length or 0),
    "url": MaxLengthValidator(Order._meta.get_field("url").max_length or 0),
}


class OrderRefusedError(Exception):
    """`reasons`: field name -> why the order was not placed; `errors`: the same in words. `index`:
    the refused one of several, None for all together. Nothing was charged."""

    index: int | None = None

    def __init__(self, reasons: Mapping[str, ReasonOrText]) -> None:
        self.reasons = reasons
        self.errors = {name: translate(reason) for name, reason in reasons.items()}
        super().__init__("; ".join(self.errors.values()))


class AlreadyPlacedError(OrderRefusedError):
    """The same `request_key` made `order` before: see `IdempotentForm.refuse()`."""

    def __init__(self, order: Order) -> None:
        super().__init__({"__all__": _("It was already placed as %(order)s.") % {"order": order}})
        self.order = order


@dataclass(frozen=True, slots=True)
class Placement:
    """An order to be placed: a quote without errors, and how to deliver it. `request_key` is unique
    among orders. `planned_start`: None, or just passed, starts it at once."""

    quote: Quote
    memo: str = ""
    hours: int = 0
    by_day: bool = False
    planned_start: datetime | None = None
    request_key: uuid.UUID = field(default_factory=uuid.uuid4)


def place(
    quote: Quote, creator: User | None, *, request_key: uuid.UUID | None = None, **terms: Any
) -> Order:
    """Charge the customer and create the order; `terms` are the other fields of its `Placement`.
    Above its creator's limit it awaits approval, but is charged and holds its video all the same.

    Raises OrderRefusedError if something speaks against it, for example if balance or video was
    taken since the quote; AlreadyPlacedError if `request_key` made an order before; and
    IntegrityError if NUMBER_TRIES numbers in a row were taken."""
    placement = Placement(quote, request_key=request_key or uuid.uuid4(), **terms)
    return place_together([placement], creator)[0]


def place_together(placements: Sequence[Placement], creator: User | None) -> list[Order]:
    """All or none. Raises what `place()` does."""
    for tries in range(1, NUMBER_TRIES + 1):
        try:
            return place_once(placements, creator)
        except PostingRefusedError as error:
            raise OrderRefusedError({"customer": error.reason}) from None
        except IntegrityError:
            refuse_taken(placements)
            if tries == NUMBER_TRIES:
                raise
    raise AssertionError("unreachable")


def place_once(placements: Sequence[Placement], creator: User | None) -> list[Order]:
    """All or none. Raises OrderRefusedError for an incomplete quote, InsufficientBalanceError,
    CustomerInactiveError, and IntegrityError if a video, a key or a number was taken meanwhile."""
    limit = ApprovalLimit.objects.of(creator)
    orders = [
        new_order(placement, number, creator, limit)
        for placement, number in zip(placements, new_numbers(placements), strict=True)
    ]
    with transaction.atomic():
        clock.stamp(orders)
        Order.objects.bulk_create(orders)
        failpoint("before-debit")
        LedgerEntry.objects.post_many(
            Posting(
                kind=LedgerEntry.Kind.ORDER,
                customer_id=order.customer_id,
                amount=-order.price,
                reference=Fact.ORDER.of(order.oid),
                order=order,
                creator_id=order.creator_id,
            )
            for order in orders
        )
        failpoint("after-debit")
        events = [
            OrderEvent(order=order, creator=creator, to_status=order.status) for order in orders
        ]
        clock.stamp(events)
        OrderEvent.objects.bulk_create(events)
        notify()
        failpoint("before-commit")  # of this block: a form's view has a transaction around it
    failpoint("after-commit")
    to_start = (one for one in orders if one.status == Status.PENDING and not one.starts_later)
    tasks.wake_on_commit([order.pk for order in to_start])
    return orders


def new_order(placement: Placement, oid: str, creator: User | None, limit: Decimal | None) -> Order:
    """Not saved yet. Raises OrderRefusedError for a quote with errors or gaps."""
    quote = placement.quote
    if quote.reasons or None in (quote.customer, quote.site, quote.count, quote.price):
        raise OrderRefusedError(quote.reasons or {"__all__": Reason.of(Code.ORDER_INCOMPLETE)})
    assert quote.customer and quote.site and quote.count and quote.unit_price is not None
    assert quote.price is not None
    refuse_long_texts(memo=placement.memo, url=quote.url)
    try:
        start = start_to_come(placement.planned_start)
    except StartRefusedError as error:
        raise OrderRefusedError({"planned_start": error.reason}) from None
    return Order(
        oid=oid,
        status=Status.AWAITING if requires_approval(quote.price, limit) else Status.PENDING,
        customer=quote.customer,
        site=quote.site,
        video_id=quote.video_id,
        video_title=quote.video_title,
        url=quote.url,
        count=quote.count,
        price=quote.price,
        unit_price=quote.unit_price,
        bundle_count=quote.bundle.count if quote.bundle else None,
        bundle_price=quote.bundle.price if quote.bundle else None,
        creator=creator,
        memo=placement.memo,
        hours=placement.hours,
        by_day=placement.by_day,
        planned_start=start,
        **({"due": start} if start else {}),
        request_key=placement.request_key,
    )


def refuse_long_texts(**texts: str) -> None:
    """By the limits of the order's fields, as forms do."""
    for name, text in texts.items():
        try:
            LIMITS[name](text)
        except ValidationError as error:
            raise OrderRefusedError({name: error.messages[0]}) from None


def refuse_taken(placements: Sequence[Placement]) -> None:
    """Raise what was taken since the quotes, if it is an order's key or its video."""
    for index, placement in enumerate(placements):
        refused: OrderRefusedError | None = None
        quote = placement.quote
        if order := Order.objects.filter(request_key=placement.request_key).first():
            refused = AlreadyPlacedError(order)
        elif quote.site and Order.objects.open_on(quote.site, quote.video_id).exists():
            refused = OrderRefusedError({"url": VIDEO_BUSY})
        if refused is not None:
            refused.index = index
            raise refused from None


def new_numbers(placements: Sequence[Placement]) -> list[str]:
    """Customer id and timestamp to the microsecond (UTC), as the office's papers show it. Of
    several orders each is a microsecond later."""
    now = clock.steady.now()
    return [
        f"{placement.quote.customer and placement.quote.customer.pk}"
        f"-{now + timedelta(microseconds=index):%Y%m%d%H%M%S%f}"
        for index, placement in enumerate(placements)
    ]
