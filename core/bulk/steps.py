"""Many orders' steps in a handful of statements, as `Order._take()` writes one: each change of
status is conditional on what was read, with its event and its ledger entry in one transaction.

The caller holds the orders' rows; the customers' are locked after them.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from core.db import tables
from core.importing.accounts import Account, write_balances
from core.models import Customer, LedgerEntry, Order, OrderEvent, TransitionError, User
from core.models.failpoints import failpoint
from core.models.steps import Step
from core.reasons import columns_of

Chosen = Sequence[tuple[Order, Step]]


def take(chosen: Chosen, actor: User) -> None:
    """All of it or, where it raises, nothing: in the caller's transaction. Raises TransitionError
    where an order is not as it was read."""
    change(chosen)
    log(chosen, actor)
    failpoint("before-refund")
    refund([(order, step.refund) for order, step in chosen if step.refund], actor)
    failpoint("after-refund")


def change(chosen: Chosen) -> None:
    """A statement for all orders that are alike, of which most blocks have few kinds."""
    alike: dict[Any, list[int]] = {}
    for order, step in chosen:
        expected = {"status": step.path[0], "fence": order.fence, **step.expected}
        changes = {"status": step.path[-1], **step.changes}
        kind = tuple(expected.items()), tuple(changes.items())
        alike.setdefault(kind, []).append(order.pk)
    for (expected, changes), ids in alike.items():
        if write(ids, dict(expected), dict(changes)) != len(ids):
            raise TransitionError("some orders are not as they were read")


def write(ids: Sequence[int], expected: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    return Order.objects.filter(pk__in=ids, **expected).update(**changes)


def log(chosen: Chosen, actor: User) -> None:
    """An event for each step of a path; the last one says why."""
    events = [
        (order.pk, here, there, step.reason if there is step.path[-1] else "")
        for order, step in chosen
        for here, there in pairwise(step.path)
    ]
    if not events:
        return
    orders, here, there, reasons = zip(*events, strict=True)
    tables.insert(
        OrderEvent,
        order=orders,
        from_status=here,
        to_status=there,
        **columns_of(reasons),
        creator=tables.Constant(actor.pk),
    )


def refund(due: Sequence[tuple[Order, Decimal]], actor: User) -> None:
    """Each amount as an entry of its own, and the balances that they add up to."""
    if not due:
        return
    owners = Customer.objects.filter(pk__in={order.customer_id for order, _amount in due})
    rows = owners.select_for_update().order_by("pk").values_list("pk", "active", "balance")
    accounts = {pk: Account(pk, active, balance) for pk, active, balance in rows}
    balances = []
    for order, amount in due:
        account = accounts[order.customer_id]
        account.balance += amount
        balances.append(str(account.balance))
    kind = LedgerEntry.Kind.REFUND
    tables.insert(
        LedgerEntry,
        kind=tables.Constant(kind.value),
        customer=[order.customer_id for order, _amount in due],
        amount=[str(amount) for _order, amount in due],
        balance_after=balances,
        order=[order.pk for order, _amount in due],
        reference=[order.reference(kind) for order, _amount in due],
        creator=tables.Constant(actor.pk),
    )
    write_balances(accounts.values())
