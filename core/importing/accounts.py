"""Customers whose balances a block moves: looked up by name in one query, locked, written back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import F
from django.utils.translation import gettext as _

from core.db import tables
from core.importing.batch import Batch, RowError
from core.models import Customer
from core.ordering.quote import switched_off_error


@dataclass(slots=True)
class Account:
    """`balance` is what it will be after the rows seen so far."""

    pk: int
    active: bool
    balance: Decimal


def accounts_of(names: Sequence[str]) -> dict[str, Account]:
    """By username. Inside a transaction they are ours until it ends."""
    rows = Customer.objects.filter(tables.InArray(F("username"), names)).order_by("pk")
    if connection.in_atomic_block:
        rows = rows.select_for_update()
    found = rows.values_list("username", "pk", "active", "balance")
    return {name: Account(pk, active, balance) for name, pk, active, balance in found}


def drop_unknown(batch: Batch, accounts: Mapping[str, Account | Customer]) -> None:
    faults = {}
    for index, name in enumerate(batch.values["username"]):
        account = accounts.get(name)
        if account is not None and account.active:
            continue
        reason = _("There is no customer with this username.")
        if account is not None:
            reason = switched_off_error()
        faults[index] = [RowError(batch.lines[index], "username", name, reason)]
    batch.drop(faults)
