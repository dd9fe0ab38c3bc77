"""Top-ups: `username,amount,memo`. A row is one payment, so two alike are two; the same row of the
very same file is never charged twice, because its `request_key` is made of file and line."""

from collections.abc import Mapping
from decimal import Decimal
from itertools import compress
from typing import ClassVar

from core.importing import cells, tables
from core.importing.accounts import accounts_of, drop_unknown, write_balances
from core.importing.batch import Batch, Plan
from core.importing.kind import Kind
from core.models import ChargeRecord, LedgerEntry


class ChargeRows(Kind):
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
        new, creator = plan.new, tables.Every(self.job.creator_id)
        customers = [account.pk for account in new["account"]]
        memos = new.get("memo") or tables.Every("")
        ids = tables.new_ids(ChargeRecord, plan.created)
        balances = []
        for account, amount in zip(new["account"], new["amount"], strict=True):
            account.balance += Decimal(amount)
            balances.append(str(account.balance))
        tables.insert(
            ChargeRecord,
            id=ids,
            customer=customers,
            amount=new["amount"],
            memo=memos,
            creator=creator,
            request_key=new["request_key"],
        )
        tables.insert(
            LedgerEntry,
            id=tables.new_ids(LedgerEntry, plan.created),
            kind=tables.Every(LedgerEntry.Kind.CHARGE.value),
            customer=customers,
            amount=new["amount"],
            balance_after=balances,
            reference=[f"charge:{pk}" for pk in ids],
            note=memos,
            creator=creator,
        )
        write_balances({account.pk: account for account in new["account"]}.values())
