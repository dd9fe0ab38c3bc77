"""The guards of the product, each by name, and how to take it away: a test of a guard is worth
something only when it fails without it. Nothing here is ever imported by the product.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any


def lease() -> None:
    """Write without the fence, and go on sending when the lease has run out."""
    from booster.delivery import windows
    from core.models import Lease, Order

    def write(self: Lease, **changes: Any) -> None:
        from datetime import timedelta

        from django.db.models.functions import Now

        changes.setdefault("lease_until", Now() + timedelta(seconds=30))
        Order.objects.filter(pk=self.order.pk).update(**changes)
        for name, value in changes.items():
            if name not in ("lease_until", "due"):
                setattr(self.order, name, value)

    window = windows.Window
    windows.Window = lambda first, count, expires, *more: window(  # type: ignore
        first, count, float("inf"), *more
    )
    Lease._write = write  # type: ignore[method-assign]


def recovery() -> None:
    """Believe that whatever a dead run had on the wire arrived."""
    from core.models import Lease

    claim = Lease.claim.__func__  # type: ignore[attr-defined]

    def believe(cls: type[Lease], order_id: int) -> Lease | None:
        taken = claim(cls, order_id)
        if taken is not None and taken.order.in_flight:
            taken.checkpoint(done=taken.order.in_flight)
        return taken

    Lease.claim = classmethod(believe)  # type: ignore[assignment, method-assign]


def database_clock() -> None:
    """Compare leases with this host's own clock."""
    from django.utils import timezone

    from core.models import order_queries

    order_queries.Now = timezone.now  # type: ignore[assignment, misc]


def sweep() -> None:
    """Rely on the queue alone."""
    from booster import consumer

    consumer.SweepingScheduler._sweep = lambda self: None  # type: ignore[method-assign]


def debit() -> None:
    """Read the balance, compare, and write the difference, as a form does that looked before."""
    from core.models import Customer, Order, ledger
    from core.ordering import Placement, placing

    seen = {}
    place_many = placing.place_many

    def look_and_place(placements: list[Placement], creator: Any) -> list[Order]:
        for placement in placements:
            account = Customer.objects.filter(pk=placement.quote.customer.pk)  # type: ignore[union-attr]
            seen.update(account.values_list("pk", "balance"))
        return place_many(placements, creator)

    placing.place_many = look_and_place  # type: ignore[assignment]
    ledger._locked_balances = lambda customers: {pk: seen[pk] for pk in customers}


def refund_once() -> None:
    """Give each entry a name of its own, so that no second one is refused."""
    from core.models.ledger import LedgerQuerySet

    post_many = LedgerQuerySet.post_many

    def post_anew(self: LedgerQuerySet, postings: Any) -> Any:
        anew = [
            replace(one, reference=f"{one.reference[:40]}:{uuid.uuid4().hex}") for one in postings
        ]
        return post_many(self, anew)

    LedgerQuerySet.post_many = post_anew  # type: ignore[method-assign]


def request_key() -> None:
    """Forget which form an order came from."""
    from core.ordering import placing

    place_many = placing.place_many

    def place_anew(placements: Any, creator: Any) -> Any:
        return place_many([replace(one, request_key=uuid.uuid4()) for one in placements], creator)

    placing.place_many = place_anew  # type: ignore[assignment]


def proof() -> None:
    """Take a site's 2xx for a counted play."""
    from booster import proof
    from booster.delivery import verifying

    verifying.judge = lambda evidence: proof.Verdict(proof.Action.SETTLE, evidence.sent)


def deadlines() -> None:
    """Wait for a site's answer as long as it takes."""
    from booster.delivery import Delivery

    limits = Delivery._limits
    endless = {"first_byte_timeout": 3600.0, "answer_timeout": 3600.0}
    Delivery._limits = lambda self: replace(limits(self), **endless)  # type: ignore[method-assign]


def robust_wake() -> None:
    """Let a queue that is down fail whoever wakes an order."""
    from django.db import transaction

    from booster import tasks

    tasks.QUEUE_DOWN = ()  # type: ignore[assignment]
    tasks.wake_on_commit = lambda ids: transaction.on_commit(lambda: [*map(tasks.wake, ids)])


def graceful_stop() -> None:
    """Huey's own defaults: SIGTERM breaks off what runs."""
    from booster.management.commands import run_huey

    run_huey.DEFAULTS |= {"graceful_signal": "INT", "shutdown_timeout": None}


def row_keys() -> None:
    """Know no row of a file again, and forget how far an import got."""
    from core.importing.row_importer import RowImporter
    from core.models import ImportJob

    record = ImportJob.record

    def record_less(self: ImportJob, **changes: Any) -> None:
        record(self, **{name: value for name, value in changes.items() if name != "done"})

    RowImporter.row_keys = lambda self, batch: [uuid.uuid4() for _ in batch.lines]  # type: ignore[method-assign]
    ImportJob.record = record_less  # type: ignore[method-assign]


def breaker() -> None:
    """Hold each failure against the order that met it."""
    from booster.delivery.breaker import BreakerGuard

    BreakerGuard.report_failure = lambda self, order, error, *, made_progress: None  # type: ignore[method-assign]


def attempts() -> None:
    """Try again for ever."""
    from booster import retry

    retry.SENDING = replace(retry.SENDING, attempts=10**6)


def deadline() -> None:
    """Let no order be late."""
    from datetime import timedelta

    from booster import retry

    retry.deadline = lambda start, **order: start + timedelta(days=36500)  # type: ignore[assignment]


GUARDS: dict[str, Callable[[], None]] = {
    guard.__name__: guard
    for guard in (
        *(lease, database_clock, recovery, sweep, debit, refund_once, request_key, proof),
        *(deadlines, robust_wake, graceful_stop, row_keys, breaker, attempts, deadline),
    )
}


def take_away(names: Iterable[str]) -> None:
    for name in names:
        GUARDS[name]()
