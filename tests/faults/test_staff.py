"""Two staff charge, refund, top up and cancel at once, in any order, on pages that are out of date:
the office agrees at every step with a plain model of what the customers have."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from core import money
from core.auditing import differences
from core.models import (
    ChargeRecord,
    Customer,
    InsufficientBalanceError,
    LedgerEntry,
    Order,
    Status,
    TransitionError,
    VideoBusyError,
)
from core.ordering import adjust
from tests.faults.guards import take_away
from tests.faults.trial import Trial, on, size

AMOUNTS = st.integers(1, 2_000).map(lambda cents: Decimal(cents) / 100)
COUNTS = st.integers(1, 1_000)
CUSTOMERS = st.integers(0, 1)
STAFF = st.sampled_from(["stella", "rosa"])


class Desk(RuleBasedStateMachine):
    """What two staff may do with two customers. Each keeps the pages that she opened."""

    trial: Trial
    programs = 0
    orders = Bundle("orders")

    @initialize()
    def open_the_office(self) -> None:
        number = Desk.programs = Desk.programs + 1
        self.customers = [
            Customer.objects.create(username=f"{name}-{number}") for name in ("erin", "frank")
        ]
        self.balances = {customer.pk: Decimal(0) for customer in self.customers}
        self.top_up(0, Decimal(50))
        self.open: dict[int, tuple[int, Decimal, int]] = {}  # order -> customer, price, count
        self.pages: dict[tuple[str, int], Order] = {}
        self.keys = 0

    @rule(who=CUSTOMERS, amount=AMOUNTS)
    def top_up(self, who: int, amount: Decimal) -> None:
        ChargeRecord.objects.create(customer=self.customers[who], amount=amount)
        self.balances[self.customers[who].pk] += amount

    @rule(who=CUSTOMERS, amount=AMOUNTS, sign=st.sampled_from([1, -1]))
    def correct(self, who: int, amount: Decimal, sign: int) -> None:
        customer = self.customers[who]
        try:
            adjust(customer, sign * amount, note="", by=None, request_key=None)  # type: ignore[arg-type]
        except InsufficientBalanceError as error:
            assert sign < 0
            assert error.missing == amount - self.balances[customer.pk] > 0
        else:
            self.balances[customer.pk] += sign * amount

    @rule(target=orders, who=CUSTOMERS, price=AMOUNTS, count=COUNTS, video=st.integers(1, 3))
    def place(self, who: int, price: Decimal, count: int, video: int) -> int | None:
        customer = self.customers[who]
        name = f"p{Desk.programs}-{video}"
        busy = any(page.video_id == name for page in self._open_orders())
        try:
            order = Order.objects.place(
                customer=customer,
                site=self.trial.site,
                video_id=name,
                url=self.trial.demo_site.address(name),
                count=count,
                price=price,
                creator=None,
            )
        except VideoBusyError:
            assert busy
            return None
        except InsufficientBalanceError:
            assert price > self.balances[customer.pk]
            return None
        assert not busy
        self.balances[customer.pk] -= price
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
            page.cancel(None)
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
        row._transition(Status.RUNNING)
        stale = Order.objects.get(pk=order)
        whole = delivered == row.count
        row._transition(Status.VERIFYING)
        row.settle(Status.COMPLETED if whole else Status.PARTIAL, delivered)
        self._ended(order, delivered)
        if again:
            with pytest.raises(TransitionError):
                stale.settle(Status.FAILED, 0)

    @rule(order=orders)
    def pay_twice(self, order: int | None) -> None:
        if order is None:
            return
        row = Order.objects.get(pk=order)
        try:
            with transaction.atomic():
                row._pay(LedgerEntry.Kind.ORDER, -row.price, None)
        except (IntegrityError, InsufficientBalanceError):
            return
        raise AssertionError("an order was charged twice")

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


@on("sqlite")
def test_any_program_of_two_staff_keeps_every_balance(trial, row):
    programs = size(40, 5000)
    before = Desk.programs
    run(trial, programs)
    left = list(differences())
    row(
        f"{Desk.programs - before} programs of two staff",
        f"{Order.objects.count()} orders, {LedgerEntry.objects.count()} entries, "
        f"{len(left)} differences",
    )
    assert left == []


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_without_its_guard_a_program_is_found_that_charges_twice(trial, row):
    """The control."""

    def try_programs() -> None:
        take_away(["refund_once"])
        run(trial, 200, shrink=False)

    assert trial.in_child(try_programs) == 1
    row("control: entries without names", "a program was found that charges twice")
