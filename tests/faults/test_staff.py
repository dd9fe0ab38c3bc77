"""Two staff charge, refund, top up, cancel and import at once, in any order, on pages that are out
of date: the office agrees at every step with a plain model of what the customers have."""

import itertools
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from core import money, ordering
from core.importing import jobs, store
from core.importing.uploads import new_job
from core.models import (
    ChargeRecord,
    Customer,
    ImportJob,
    InsufficientBalanceError,
    LedgerEntry,
    Order,
    Status,
    TransitionError,
)
from core.models.ledger import Fact
from core.ops.auditing import differences
from core.ordering import OrderRefusedError, adjust
from core.reasons import reason_of
from tests.base import placed
from tests.faults.guards import take_away
from tests.faults.trial import Trial, on, size
from tests.steps import move, settle

AMOUNTS = st.integers(1, 2_000).map(lambda cents: Decimal(cents) / 100)
COUNTS = st.integers(1, 1_000)
CUSTOMERS = st.integers(0, 1)
STAFF = st.sampled_from(["stella", "rosa"])
PRICES = {10_000: Decimal(5), 20_000: Decimal(9), 30_000: Decimal(13)}  # the first policies
TOP_UPS = st.lists(st.tuples(CUSTOMERS, AMOUNTS), min_size=1, max_size=4)
SALES = st.lists(
    st.tuples(CUSTOMERS, st.integers(1, 6), st.sampled_from(sorted(PRICES))),
    min_size=1,
    max_size=4,
    unique_by=lambda row: row[1],
)


FILES = itertools.count(1)


@dataclass(frozen=True)
class File:
    """An upload that waits for its yes: rows of (customer, amount) or (customer, video, count)."""

    job: int
    kind: ImportJob.Kind
    text: str
    rows: tuple[tuple, ...]


class Desk(RuleBasedStateMachine):
    """What two staff may do with two customers. Each keeps the pages that she opened."""

    trial: Trial
    programs = 0
    orders = Bundle("orders")
    files = Bundle("files")

    @initialize()
    def open_the_office(self) -> None:
        number = Desk.programs = Desk.programs + 1
        self.customers = [
            Customer.objects.create(username=f"{name}-{number}") for name in ("erin", "frank")
        ]
        self.balances = {customer.pk: Decimal(0) for customer in self.customers}
        self.top_up(0, Decimal(50))
        self.known: set[int] = set()  # orders
        self.open: dict[int, tuple[int, Decimal, int]] = {}  # order -> customer, price, count
        self.pages: dict[tuple[str, int], Order] = {}
        self.done: set[tuple[str, int]] = set()  # rows imported: text of the file, line
        self.ended: set[int] = set()  # jobs

    @rule(who=CUSTOMERS, amount=AMOUNTS)
    def top_up(self, who: int, amount: Decimal) -> None:
        ChargeRecord.objects.create(customer=self.customers[who], amount=amount)
        self.balances[self.customers[who].pk] += amount

    @rule(who=CUSTOMERS, amount=AMOUNTS, sign=st.sampled_from([1, -1]))
    def correct(self, who: int, amount: Decimal, sign: int) -> None:
        customer = self.customers[who]
        try:
            adjust(customer, sign * amount, note="", actor=None, request_key=None)  # type: ignore[arg-type]
        except InsufficientBalanceError as error:
            assert sign < 0
            assert error.missing == amount - self.balances[customer.pk] > 0
        else:
            self.balances[customer.pk] += sign * amount

    @rule(target=orders, who=CUSTOMERS, price=AMOUNTS, count=COUNTS, video=st.integers(1, 3))
    def place(self, who: int, price: Decimal, count: int, video: int) -> int | None:
        customer = self.customers[who]
        name = self._video(video)
        busy = any(page.video_id == name for page in self._open_orders())
        try:
            order = placed(customer, self.trial.site, name, count=count, price=price)
        except OrderRefusedError as refused:
            assert busy if "url" in refused.errors else price > self.balances[customer.pk]
            return None
        assert not busy
        self.balances[customer.pk] -= price
        self.known.add(order.pk)
        self.open[order.pk] = (customer.pk, price, count)
        return order.pk

    @rule(staff=STAFF, order=orders)
    def look_at(self, staff: str, order: int | None) -> None:
        if order is not None:
            self.pages[staff, order] = Order.objects.get(pk=order)

    @rule(staff=STAFF, order=orders)
    def cancel(self, staff: str, order: int | None) -> None:
        """On the page as she opened it, however old that is."""
        page = self.pages.get((staff, order or 0))
        if page is None:
            return
        try:
            ordering.cancel(page, None)
        except TransitionError:
            assert order not in self.open
        else:
            self._ended(page.pk, 0)

    @rule(order=consumes(orders), share=st.integers(0, 100), again=st.booleans())
    def settle(self, order: int | None, share: int, again: bool) -> None:
        """A consumer ends the order with some of its plays; perhaps two do."""
        if order is None or order not in self.open:
            return
        delivered = self.open[order][2] * share // 100
        row = Order.objects.get(pk=order)
        move(row, Status.RUNNING, fence=row.fence)
        stale = Order.objects.get(pk=order)
        whole = delivered == row.count
        move(row, Status.VERIFYING, fence=row.fence)
        settle(row, Status.COMPLETED if whole else Status.PARTIAL, delivered)
        self._ended(order, delivered)
        if again:
            with pytest.raises(TransitionError):
                settle(stale, Status.FAILED, 0)

    @rule(order=orders)
    def pay_twice(self, order: int | None) -> None:
        if order is None:
            return
        row = Order.objects.get(pk=order)
        try:
            with transaction.atomic():
                LedgerEntry.objects.post(
                    kind=LedgerEntry.Kind.ORDER,
                    customer_id=row.customer_id,
                    amount=-row.price,
                    reference=Fact.ORDER.of(row.oid),
                    order=row,
                )
        except (IntegrityError, InsufficientBalanceError):
            return
        raise AssertionError("an order was charged twice")

    @rule(target=files, rows=TOP_UPS)
    def upload_top_ups(self, rows: list[tuple]) -> File:
        # Each file has payments of its own: what was booked since its check is another test's.
        memo = f"file {next(FILES)}"
        lines = [f"{self.customers[who].username},{amount},{memo}" for who, amount in rows]
        return self._uploaded(ImportJob.Kind.CHARGES, ["username,amount,memo", *lines], rows)

    @rule(target=files, rows=SALES)
    def upload_orders(self, rows: list[tuple]) -> File:
        lines = [
            f"{self.customers[who].username},{self.trial.demo_site.address(self._video(video))},{count}"
            for who, video, count in rows
        ]
        return self._uploaded(ImportJob.Kind.ORDERS, ["username,url,count", *lines], rows)

    @rule(target=files, file=files)
    def upload_again(self, file: File) -> File:
        """The very same file: what was imported of it is left alone."""
        return self._uploaded(file.kind, file.text.splitlines(), file.rows)

    @rule(target=orders, file=files, partial=st.booleans(), twice=st.booleans())
    def import_file(self, file: File, partial: bool, twice: bool) -> object:
        """One says yes to a report that may be old by now, perhaps both do."""
        job = ImportJob.objects.get(pk=file.job)
        expected = self._import_in_the_model(file, partial) if job.pk not in self.ended else []
        assert job.start_import(partial=partial) == (job.pk not in self.ended)
        for _ in range(1 + twice):
            jobs.run(job.pk)
        if twice:
            assert not job.start_import(partial=partial)
        self.ended.add(job.pk)
        placed = Order.objects.filter(customer__in=self.customers).exclude(pk__in=self.known)
        placed = list(placed.order_by("pk"))
        assert [(order.customer_id, order.price, order.count) for order in placed] == expected
        for order in placed:
            self.known.add(order.pk)
            self.open[order.pk] = (order.customer_id, order.price, order.count)
        return multiple(*(order.pk for order in placed))

    @rule(file=files)
    def cancel_import(self, file: File) -> None:
        assert ImportJob.objects.get(pk=file.job).cancel() == (file.job not in self.ended)
        self.ended.add(file.job)

    def _uploaded(self, kind: ImportJob.Kind, lines: list[str], rows: list[tuple]) -> File:
        text = "\n".join(lines)
        job = new_job(kind, "rows.csv", iter([text.encode()]), creator=None)
        jobs.run(job.pk)
        job.refresh_from_db()
        assert job.status == ImportJob.Status.CHECKED, reason_of(job)
        return File(job.pk, kind, text, tuple(rows))

    def _import_in_the_model(self, file: File, partial: bool) -> list[tuple[int, Decimal, int]]:
        """All rows that are good now, or none. What was placed; balances are changed here."""
        balances, busy = dict(self.balances), {order.video_id for order in self._open_orders()}
        # What is delivered since the check is not ordered again, though it was quoted.
        shown, quoted = store.repeated_lines(ImportJob.objects.get(pk=file.job)), dict(balances)
        placed, done = [], set()
        for line, row in enumerate(file.rows):
            if (file.text, line) in self.done:
                continue
            customer = self.customers[row[0]].pk
            change = row[1] if file.kind == ImportJob.Kind.CHARGES else -PRICES[row[2]]
            is_busy = file.kind == ImportJob.Kind.ORDERS and self._video(row[1]) in busy
            is_refused = is_busy or quoted[customer] + change < 0
            if not is_refused:
                quoted[customer] += change
                is_refused = line + 2 not in shown and self._was_delivered(file, row)
            if is_refused:
                if not partial:
                    return []
                continue
            balances[customer] += change
            done.add((file.text, line))
            if file.kind == ImportJob.Kind.ORDERS:
                placed.append((customer, -change, row[2]))
        self.balances = balances
        self.done |= done
        return placed

    def _was_delivered(self, file: File, row: tuple) -> bool:
        if file.kind != ImportJob.Kind.ORDERS:
            return False
        who, video, count = row
        ended = Order.objects.filter(status__in=(Status.COMPLETED, Status.PARTIAL))
        same = {"customer": self.customers[who], "video_id": self._video(video), "count": count}
        return ended.filter(**same).exists()

    def _video(self, number: int) -> str:
        return f"p{Desk.programs}-{number}"

    @invariant()
    def balances_are_those_of_the_model(self) -> None:
        for customer_id, expected in getattr(self, "balances", {}).items():
            balance = Customer.objects.values_list("balance", flat=True).get(pk=customer_id)
            assert balance == expected >= 0

    def _open_orders(self) -> list[Order]:
        return list(Order.objects.filter(pk__in=self.open))

    def _ended(self, order: int, delivered: int) -> None:
        customer, price, count = self.open.pop(order)
        self.balances[customer] += money.refund_due(price, count, count - delivered)


def run(trial: Trial, programs: int, *, shrink: bool = True) -> None:
    Desk.trial = trial
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=programs,
            stateful_step_count=20,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(autouse=True)
def uploads(office, settings):
    settings.DATA_DIR = office.data_dir


@on("sqlite")
def test_any_program_of_two_staff_keeps_every_balance(trial, row):
    programs = size(25, 2500)  # on each database: 5,000 in all
    before = Desk.programs
    run(trial, programs)
    left = list(differences())
    imports = ImportJob.objects.filter(status=ImportJob.Status.DONE).count()
    row(
        "staff",
        f"{Desk.programs - before} programs",
        figures=f"{Order.objects.count()} orders, {imports} imports, "
        f"{LedgerEntry.objects.count()} entries, {len(left)} differences",
    )
    assert left == []


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_without_its_guard_a_program_is_found_that_charges_twice(trial, control):
    """The control."""

    def try_programs() -> None:
        take_away(["refund_once"])
        run(trial, 200, shrink=False)

    assert trial.in_child(try_programs) == 1
    control("names of entries", "a program was found that charges twice")
