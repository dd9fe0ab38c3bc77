"""A large office made up: the orders, customers and ledger of years, in minutes. For benchmarks and
tests only.

The book is kept while the orders are dealt out, so law 2 holds for every customer at every row: a
balance is topped up before an order would overdraw it. Nothing of it is ever delivered: the sites
are not verified and open orders are due in years.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any

from django.db import connection
from django.db.models import Max, Model

from core import money
from core.db import tables
from core.models import (
    ChargeRecord,
    Customer,
    LedgerEntry,
    Order,
    OrderEvent,
    PricePolicy,
    Site,
    Status,
)
from tests.demodata.indexes import without_indexes

YEARS = 4
BLOCK = 20_000
# One in so many orders is still open, the newest ones, each on a video of its own.
OPEN_ONE_IN = 5_000
# The newest orders have their history as well.
WITH_EVENTS = 10_000
NEVER = timedelta(days=3650)
SITES = ("Harbour", "Meadow", "Skyline", "Atelier", "Lantern", "Courtyard", "Observatory")
# fmt: off
FIRST = ("ann", "ben", "cai", "dan", "erin", "fay", "gao", "hua", "ida", "jin", "kai", "lin", "mei")
LAST = ("abel", "bai", "chen", "diaz", "evans", "fang", "gupta", "huang", "ito", "jones", "khan")
WHAT = ("harbour", "market", "garden", "river", "winter", "kitchen", "piano", "street", "night")
HOW = ("at-dawn", "in-rain", "by-train", "from-above", "for-two", "on-film", "after-work", "live")
# fmt: on
COUNTS = (10_000, 15_000, 20_000, 30_000, 50_000, 80_000, 100_000, 250_000)
ENDED = (Status.COMPLETED, Status.PARTIAL, Status.CANCELED, Status.FAILED)
SHARES = tuple(accumulate((86, 6, 5, 3)))
STILL_OPEN = (Status.PENDING, Status.RUNNING, Status.VERIFYING, Status.PAUSED, Status.AWAITING)
REMARK = "The counter fell while plays were received."
MEMO = "Asked for on the phone; the invoice goes to the office."

ORDER = (
    *("id", "oid", "status", "customer", "url", "count", "price", "unit_price", "memo", "site"),
    *("video_id", "request_key", "create_date", "start_date", "end_date", "old_view_count"),
    *("view_count", "delivered", "sequence", "reserved", "done", "fence", "due", "attention"),
)
ENTRY = (
    *("id", "kind", "customer", "amount", "balance_after", "order", "reference", "create_date"),
)
TOP_UP = ("id", "customer", "amount", "create_date")
CUSTOMER = ("id", "username", "mobile", "balance", "create_date", "active")
EVENT = ("id", "order", "from_status", "to_status", "create_date")


def make_up(
    orders: int,
    customers: int | None = None,
    ledger: int | None = None,
    progress: Callable[[int], object] = lambda orders: None,
) -> "DemoOffice":
    """Add so many orders, of one customer in 25 and with two ledger entries an order by default."""
    office = DemoOffice(orders, customers or max(1, orders // 25), ledger or 2 * orders)
    office.make(progress)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # autovacuum would come a minute later
    return office


class DemoOffice:
    """`make()` adds so many orders and customers, and ledger entries: at least as many as the
    orders need. Within one transaction."""

    def __init__(self, orders: int, customers: int, ledger: int) -> None:
        self.orders, self.customers, self.ledger = orders, customers, ledger
        self.random = random.Random(orders)
        self.end = datetime.now(UTC).replace(microsecond=0)
        self.span = timedelta(days=365 * YEARS)
        bundles = PricePolicy.bundles()
        self.prices = [money.price_by(money.bundle_for(count, bundles), count) for count in COUNTS]
        self.balances = [0] * customers  # in cents
        self.rows: dict[type[Model], list[tuple[Any, ...]]] = {}
        self.next_id: dict[type[Model], int] = {}

    def make(self, progress: Callable[[int], object]) -> None:
        models = (Customer, Order, LedgerEntry, ChargeRecord, OrderEvent)
        self.sites = [site_of(name) for name in SITES]
        with without_indexes(models):
            self.next_id = {model: first_free(model) for model in models}
            self.first_customer, self.first_entry = (
                self.next_id[Customer],
                self.next_id[LedgerEntry],
            )
            for index in range(self.orders):
                self.deal(index)
                if index % BLOCK == BLOCK - 1:
                    self.flush()
                    progress(BLOCK)
            while self.booked < self.ledger:
                self.top_up(self.random.randrange(self.customers), 5_000, self.end)
            self.flush()
            progress(self.orders % BLOCK)
            self.add_customers()

    # --- one order and the money it moves

    def deal(self, index: int) -> None:
        share = (index + 1) / self.orders
        at = self.moment(share)
        # Customers join over the years; the first ones buy most.
        buyer = int(self.random.random() ** 2 * max(1, self.customers * share))
        bundle = int(self.random.random() ** 2 * len(COUNTS))
        count, price = COUNTS[bundle], self.prices[bundle]
        cents = int(price * 100)
        if self.balances[buyer] < cents or self.booked < self.ledger * share - 1:
            scarce = self.orders * 12 // (self.ledger * 10 - self.orders * 9 + 1)
            self.top_up(buyer, -(-cents * max(1, scarce) // 1000) * 1000, at)
        self.add_order(index, self.first_customer + buyer, count, price, at)

    def add_order(
        self, index: int, customer: int, count: int, price: Decimal, at: datetime
    ) -> None:
        status, video = self.outcome_of(index)
        site, origin = self.sites[index * 7919 % len(SITES) if index % 5 else 0]
        pk, stamp = self.take_id(Order), text(at)
        oid = f"{customer}-{stamp.translate(DIGITS)}"
        final = status in ENDED
        received = count
        delivered = None
        if status in (Status.PENDING, Status.PAUSED, Status.AWAITING, Status.FAILED):
            received = 0
        elif status in (Status.CANCELED, Status.RUNNING):
            received = count * (index % 97) // 100
        if final:
            delivered = received * 9 // 10 if status == Status.PARTIAL else received
        ended = text(at + timedelta(seconds=60 + count // 100)) if final else None
        before = index * 31 % 100_000
        self.add(
            Order,
            *(pk, oid, status.value, customer, f"{origin}/videos/{video}", count, str(price)),
            *(str(money.rate_of(price, count)), MEMO if index % 8 == 0 else "", site, video),
            *(uuid.UUID(int=KEYS + pk), stamp, stamp if received else None, ended),
            *(before if received else None, before + (delivered or received) if received else None),
            *(delivered, received, received, received, 1 if received else 0),
            *(text(at + NEVER), REMARK if index % 50_000 == 49_999 else ""),
        )
        self.book(LedgerEntry.Kind.ORDER, customer, -int(price * 100), pk, f"order:{oid}", stamp)
        if delivered is not None:
            refund = money.refund_due(price, count, count - delivered)
            if refund:
                cents, reason = int(refund * 100), f"refund:{oid}"
                self.book(LedgerEntry.Kind.REFUND, customer, cents, pk, reason, ended or stamp)
        if index >= self.orders - WITH_EVENTS:
            for before_it, after in history_of(status):
                self.add(OrderEvent, self.take_id(OrderEvent), pk, before_it, after, stamp)

    def outcome_of(self, index: int) -> tuple[Status, str]:
        """What became of the order, and its video."""
        number = self.random.randrange(self.orders // 4 + 1)
        opened = index - self.orders + self.orders // OPEN_ONE_IN
        if opened >= 0:
            status, number = STILL_OPEN[opened % len(STILL_OPEN)], self.orders + index
        else:
            dice = self.random.random() * SHARES[-1]
            status = next(one for one, top in zip(ENDED, SHARES, strict=True) if dice < top)
        return status, f"{WHAT[number % len(WHAT)]}-{HOW[number // len(WHAT) % len(HOW)]}-{number}"

    def top_up(self, buyer: int, cents: int, at: datetime) -> None:
        pk, customer, stamp = self.take_id(ChargeRecord), self.first_customer + buyer, text(at)
        self.add(ChargeRecord, pk, customer, amount(cents), stamp)
        self.book(LedgerEntry.Kind.CHARGE, customer, cents, None, f"charge:{pk}", stamp)

    def book(
        self,
        kind: LedgerEntry.Kind,
        customer: int,
        cents: int,
        order: int | None,
        reference: str,
        stamp: str,
    ) -> None:
        buyer = customer - self.first_customer
        self.balances[buyer] += cents
        after = amount(self.balances[buyer])
        pk = self.take_id(LedgerEntry)
        self.add(
            LedgerEntry, pk, kind.value, customer, amount(cents), after, order, reference, stamp
        )

    @property
    def booked(self) -> int:
        return self.next_id[LedgerEntry] - self.first_entry

    def add_customers(self) -> None:
        for buyer, cents in enumerate(self.balances):
            pk = self.take_id(Customer)
            name = f"{FIRST[buyer % len(FIRST)]}.{LAST[buyer * 7 % len(LAST)]}{pk}"
            joined = text(self.moment(buyer / self.customers))
            mobile = f"13{pk * 7_654_321 % 10**9:09d}"
            self.add(Customer, pk, name, mobile, amount(cents), joined, buyer % 33 != 32)
            if buyer % BLOCK == BLOCK - 1:
                self.flush()
        self.flush()

    # --- rows

    def moment(self, share: float) -> datetime:
        """Business grows: the later, the denser."""
        return self.end - self.span * (1 - share**0.7)

    def take_id(self, model: type[Model]) -> int:
        pk = self.next_id[model]
        self.next_id[model] = pk + 1
        return pk

    def add(self, model: type[Model], *values: Any) -> None:
        self.rows.setdefault(model, []).append(values)

    def flush(self) -> None:
        for model, rows in self.rows.items():
            columns = zip(*rows, strict=True)
            tables.insert(model, **dict(zip(COLUMNS[model], columns, strict=True)))
        self.rows = {}


COLUMNS: dict[type[Model], Sequence[str]] = {
    Order: ORDER,
    LedgerEntry: ENTRY,
    ChargeRecord: TOP_UP,
    Customer: CUSTOMER,
    OrderEvent: EVENT,
}
DIGITS = str.maketrans("", "", "-: .")
# In rising order, so that their index grows at one end.
KEYS = uuid.uuid4().int >> 64 << 64


def history_of(status: Status) -> list[tuple[int | None, int]]:
    """Its steps, as FLOW lets them be."""
    path = [None, Status.PENDING, Status.RUNNING, Status.VERIFYING, status]
    if status in (Status.PENDING, Status.AWAITING):
        path = [None, status]
    elif status in (Status.RUNNING, Status.VERIFYING):
        path = path[: path.index(status) + 1]
    elif status == Status.PAUSED:
        path = [None, Status.PENDING, status]
    elif status in (Status.CANCELED, Status.FAILED):
        path = [None, Status.PENDING, Status.RUNNING, status]
    return [(before, after.value) for before, after in pairwise(path) if after]


def site_of(name: str) -> tuple[int, str]:
    """Never shown a token, so nothing is sold or sent there."""
    origin = f"https://{name.lower()}.example"
    site, _made = Site.objects.get_or_create(origin=origin, defaults={"name": f"Demo {name}"})
    return site.pk, origin


def first_free(model: type[Model]) -> int:
    return (model._default_manager.aggregate(last=Max("pk"))["last"] or 0) + 1


def text(at: datetime) -> str:
    return at.isoformat(" ", "microseconds")[:26]


def amount(cents: int) -> str:
    """As the database's decimals are written."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100}.{cents % 100:02d}"
