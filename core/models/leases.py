"""The leases of a round: claim what is due, write down how far it came, give back.

Every task may run twice and any process may die or be stopped at any moment. So every write
of a delivery is conditional on the fence that its claim set; a row that does not match any more
belongs to somebody else, and its former holder stops. The statement that records progress also
renews the lease: the heartbeat costs nothing. All of it by the database's clock.
"""

import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, DateTimeField, F, Q, When
from django.db.models.functions import Now

from core.db.blocks import now_plus, update_block
from core.db.lookups import InArray
from core.db.notifier import notify
from core.models import transitions
from core.models.failpoints import failpoint
from core.models.flow import Status
from core.models.orders import ASKED_TO_STOP, Order
from core.models.transitions import Transition

LEASE = timedelta(seconds=30)
# The holder stops sending this much earlier than others may take over.
MARGIN_SECONDS = 2.0
# A lease with no more than this share of it to go is renewed.
RENEW_SHARE = 0.6


class LeaseLostError(Exception):
    """Somebody else holds what this process worked on; it may write no more."""


class Lease:
    """The right to work on `order` until `expires` (time.monotonic), proved by the fence. What it
    read or wrote last of `order` needs no second look: nobody else may change that."""

    def __init__(self, order: Order, expires: float, claimed_at: datetime) -> None:
        self.order = order
        self.expires = expires
        self.claimed_at = claimed_at  # by the database's clock

    @property
    def needs_renewal(self) -> bool:
        return self.expires - time.monotonic() < RENEW_SHARE * LEASE.total_seconds()


def new_expiry() -> float:
    """Until when a holder that writes now may send (time.monotonic)."""
    return time.monotonic() + LEASE.total_seconds() - MARGIN_SECONDS


def claim(holder: str, most: int, wanted: Q | None = None) -> list[Lease]:
    """Take up to `most` orders that are due and free, the longest due first. An order that was
    pending runs from now on. `wanted`: a further condition."""
    due = Order.objects.free_to_claim().without_paused()
    if wanted is not None:
        due = due.filter(wanted)
    due = due.order_by("due")[:most]
    # Nothing is locked for nothing: an idle office's rounds all look.
    if most < 1 or not due.exists():
        return []
    expires = new_expiry()
    failpoint("before-claim")
    with transaction.atomic():
        # On SQLite the transaction holds the only write lock, so that nobody comes between.
        if connection.vendor == "postgresql":
            due = due.select_for_update(skip_locked=True, of=("self",))
        orders = list(due.annotate(claimed_at=Now()))
        columns = {"lease_until": Now() + LEASE, "holder": holder}
        pending = [order for order in orders if order.status == Status.PENDING]
        others = [order for order in orders if order.status != Status.PENDING]
        if others:
            pks = [order.pk for order in others]
            Order.objects.filter(pk__in=pks).update(fence=F("fence") + 1, **columns)
        transitions.apply([(order, _begin(order, columns)) for order in pending], None)
        for order in others:
            order.fence += 1
    failpoint("after-claim")
    return [Lease(order, expires, order.claimed_at) for order in orders]


def _begin(order: Order, columns: dict[str, Any]) -> Transition:
    """A pending order's first step is its claim."""
    path = transitions.checked_path(order, Status.RUNNING)
    began = order.start_date or order.claimed_at  # type: ignore[attr-defined]
    changes = {"start_date": began, "fence": order.fence + 1, **columns}
    return Transition(path, changes).with_fence(order.fence)


# What a beat writes down of each order.
PROGRESS = (
    *("sequence", "reserved", "done", "failed", "uncertain", "resent", "attempts"),
    *("old_view_count", "view_count", "answers", "watch"),
)


def write_progress(leases: Sequence[Lease]) -> dict[int, tuple[bool, bool]]:
    """Write PROGRESS of these orders as it stands in memory, and renew their leases, in one
    statement. Returns, for each order that is still its holder's, whether somebody asked meanwhile
    that it be canceled and that it be paused; who is missing has a new owner."""
    expires = new_expiry()
    rows = [
        {
            "id": lease.order.pk,
            "fence": lease.order.fence,
            **{name: getattr(lease.order, name) for name in PROGRESS},
        }
        for lease in leases
    ]
    kept = update_block(
        Order,
        rows,
        matching=("fence",),
        everywhere={"lease_until": now_plus(LEASE)},
        returning=("cancel_requested", "pause_requested"),
    )
    renewed = [lease for lease in leases if lease.order.pk in kept]

    def extend() -> None:
        for lease in renewed:
            lease.expires = expires

    # What is rolled back renews nothing.
    transaction.on_commit(extend)
    notify()
    return {pk: (bool(cancel), bool(pause)) for pk, (cancel, pause) in kept.items()}


def asked_to_stop(orders: Collection[int]) -> list[tuple[int, bool, bool]]:
    """Which of these orders somebody wants canceled, and which paused."""
    wanted = Q(cancel_requested=True) | Q(pause_requested=True)
    asked = Order.objects.filter(wanted, InArray(F("pk"), list(orders)))
    columns = ("pk", "cancel_requested", "pause_requested")
    return list(asked.order_by().values_list(*columns))


def unlocked(orders: Collection[int], *, customers: bool = False) -> set[int]:
    """Which of these orders nobody else keeps locked at this moment; with their `customers`, who
    have to be locked for a refund. For PostgreSQL, where a row is waited for alone."""
    of = ("self", "customer") if customers else ("self",)
    rows = Order.objects.filter(pk__in=orders).select_related("customer" if customers else None)
    with transaction.atomic():
        free = rows.order_by("pk").select_for_update(skip_locked=True, of=of)
        return {order.pk for order in free}


def release(order: Order, seconds: float = 0, **changes: Any) -> Transition:
    """Due again in `seconds`; at once where somebody asked a moment ago that it be stopped. A `due`
    among the `changes` replaces both."""
    # SQLite writes sums of times with more digits: "in 0 seconds" would not be due at once.
    due: Any = Now()
    if seconds:
        later = Now() + timedelta(seconds=seconds)
        due = Case(When(ASKED_TO_STOP, then=Now()), default=later, output_field=DateTimeField())
    given_back = Transition(  # a path of one leaves the status as it is
        (order.status,), {"lease_until": None, "due": due, "holder": "", **changes}
    )
    return given_back.with_fence(order.fence)
