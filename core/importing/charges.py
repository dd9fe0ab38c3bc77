"""Top-ups: `username,amount,memo`. A row is one payment, so two alike are two; the same row of the
very same file is never charged twice, because its `request_key` is made of file and line."""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import compress
from typing import ClassVar

from core.db import tables
from core.importing import cells
from core.importing.accounts import Account, accounts_of, drop_unknown, write_balances
from core.importing.batch import Batch, Plan
from core.importing.row_importer import RowImporter
from core.models import ChargeRecord, LedgerEntry


class ChargeRows(RowImporter):
    """Blocks of a file of top-ups against the database."""

    required: ClassVar[tuple[str, ...]] = ("username", "amount")
    optional: ClassVar[tuple[str, ...]] = ("memo",)
    parsers: ClassVar[Mapping[str, cells.Parser]] = {
        "username": cells.usernames,
        "amount": cells.amounts(8, least=Decimal("0.01")),
        "memo": cells.up_to(200),
    }

    def plan(self, batch: Batch, first_lines: Mapping[str, int]) -> Plan:
        accounts = accounts_of(batch.values["username"])
        drop_unknown(batch, accounts)
        keys = self.row_keys(batch)
        charged = tables.request_keys(ChargeRecord, keys)
        is_new = [key not in charged for key in keys]
        new = {name: list(compress(column, is_new)) for name, column in batch.values.items()}
        new["request_key"] = list(compress(keys, is_new))
        new["account"] = [accounts[name] for name in new["username"]]
        amount = sum(map(Decimal, new["amount"]), Decimal(0))
        created = len(new["request_key"])
        return Plan(batch, created, 0, len(batch) - created, amount, new)

    def write(self, plan: Plan) -> None:
        if not plan.created:
            return
        new = plan.new
        charge(
            new["account"],
            new["amount"],
            new.get("memo") or tables.Constant(""),
            new["request_key"],
            self.job.creator_id,
        )


def charge(
    accounts: Sequence[Account],
    amounts: Sequence[str],
    memos: Sequence[str] | tables.Constant,
    request_keys: Sequence[uuid.UUID],
    creator_id: int | None,
) -> None:
    """A top-up a row, its entry in the ledger and the new balances, in the caller's transaction,
    which holds the accounts."""
    customers = [account.pk for account in accounts]
    creator = tables.Constant(creator_id)
    ids = tables.new_ids(ChargeRecord, len(accounts))
    balances = []
    for account, amount in zip(accounts, amounts, strict=True):
        account.balance += Decimal(amount)
        balances.append(str(account.balance))
    tables.insert(
        ChargeRecord,
        id=ids,
        customer=customers,
        amount=amounts,
        memo=memos,
        creator=creator,
        request_key=request_keys,
    )
    tables.insert(
        LedgerEntry,
        kind=tables.Constant(LedgerEntry.Kind.CHARGE.value),
        customer=customers,
        amount=amounts,
        balance_after=balances,
        reference=[f"charge:{pk}" for pk in ids],
        note=memos,
        creator=creator,
    )
    write_balances({account.pk: account for account in accounts}.values())
