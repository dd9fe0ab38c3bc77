"""The guards of the product, each by name, and how to take it away: a test of a guard is worth
something only when it fails without it. Nothing here is ever imported by the product.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any


def lease() -> None:
    """Write without the fence, and go on sending when the lease has run out."""
    from core.models import leases, transitions

    update_block = leases.update_block

    def update(*args: Any, **options: Any) -> Any:
        return update_block(*args, **options | {"matching": ()})

    leases.update_block = update
    leases.new_expiry = lambda: float("inf")
    transitions.Transition.with_fence = lambda self, fence: self  # type: ignore[method-assign]


def recovery() -> None:
    """Believe that whatever a dead round had on the wire arrived."""
    from booster.delivery.delivery import Delivery

    begin = Delivery.begin

    def believe(self: Delivery) -> None:
        self.order.done += self.order.in_flight
        begin(self)

    Delivery.begin = believe  # type: ignore[method-assign]


def database_clock() -> None:
    """Compare leases with this host's own clock."""
    from django.utils import timezone

    from core.models import orders

    orders.Now = timezone.now  # type: ignore[assignment, misc]


def look() -> None:
    """Rely on the queue alone: a round takes only what it is woken for, and what is due at its
    start."""
    from booster.delivery import Round

    claim = Round.claim

    def claim_when_woken(self: Round) -> None:
        if self._claim_at == 0.0:
            claim(self)

    Round.claim = claim_when_woken  # type: ignore[method-assign]


def debit() -> None:
    """Read the balance, compare, and write the difference, as a form does that looked before."""
    from core.models import Customer, Order, ledger
    from core.ordering import Placement, placing

    seen = {}
    place_once = placing.place_once

    def look_and_place(placements: list[Placement], creator: Any) -> list[Order]:
        for placement in placements:
            account = Customer.objects.filter(pk=placement.quote.customer.pk)  # type: ignore[union-attr]
            seen.update(account.values_list("pk", "balance"))
        return place_once(placements, creator)

    placing.place_once = look_and_place  # type: ignore[assignment]
    ledger._locked_balances = lambda customers, active=(): {pk: seen[pk] for pk in customers}


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

    place_once = placing.place_once

    def place_anew(placements: Any, creator: Any) -> Any:
        return place_once([replace(one, request_key=uuid.uuid4()) for one in placements], creator)

    placing.place_once = place_anew  # type: ignore[assignment]


def proof() -> None:
    """Take a site's 2xx for a counted play."""
    from booster import proof
    from booster.delivery import proving

    proving.judge = lambda evidence: proof.Verdict(proof.Action.SETTLE, evidence.sent)


def deadlines() -> None:
    """Wait for a site's answer as long as it takes."""
    from booster.delivery.links import SiteLink

    limits = SiteLink._limits
    endless = {"first_byte_timeout": 3600.0, "answer_timeout": 3600.0}
    SiteLink._limits = lambda self: replace(limits(self), **endless)  # type: ignore[method-assign]


def robust_wake() -> None:
    """Let a queue that is down fail whoever wakes an order."""
    from django.db import transaction

    from booster import tasks

    tasks.QUEUE_DOWN = ()  # type: ignore[assignment]
    tasks.wake_on_commit = lambda ids: transaction.on_commit(lambda: [*map(tasks.wake, ids)])


def graceful_stop() -> None:
    """Huey's own defaults, and a round that nobody stops: SIGTERM breaks off what runs."""
    from booster import worker
    from booster.management.commands import run_huey

    run_huey.DEFAULTS |= {"graceful_signal": "INT", "shutdown_timeout": None}
    worker.stop = lambda: None
    worker.is_stopping = lambda: False


def row_keys() -> None:
    """Know no row of a file again, neither by its key nor by what it booked, and forget how far an
    import got."""
    from core.importing import top_ups
    from core.importing.row_importer import RowImporter
    from core.models import ImportJob

    record = ImportJob.record

    def record_less(self: ImportJob, **changes: Any) -> None:
        record(self, **{name: value for name, value in changes.items() if name != "done"})

    def know_none(self: RowImporter, batch: Any, *kinds: Any) -> tuple[list[uuid.UUID], set[Any]]:
        return [uuid.uuid4() for _ in batch.lines], set()

    RowImporter.keys_and_written = know_none  # type: ignore[method-assign]
    ImportJob.record = record_less  # type: ignore[method-assign]
    top_ups.booked_since = lambda repeats: {}


def breaker() -> None:
    """Hold each failure against the order that met it."""
    from booster.delivery import breaker

    breaker.report_outage = breaker.report_failure = lambda *failure: None  # type: ignore


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
        *(lease, database_clock, recovery, look, debit, refund_once, request_key, proof),
        *(deadlines, robust_wake, graceful_stop, row_keys, breaker, attempts, deadline),
    )
}


def take_away(names: Iterable[str]) -> None:
    for name in names:
        GUARDS[name]()
