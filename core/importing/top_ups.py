"""Top-ups: `username,amount,memo`. A row is one payment, so two alike are two; the same row of the
very same file is never credited twice, because its `request_key` is made of file and line."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import compress, repeat
from typing import ClassVar

from core.db import tables
from core.importing import cells
from core.importing.accounts import customers_of, drop_unknown
from core.importing.batch import Batch, Plan, RowError
from core.importing.row_importer import RowImporter
from core.models import BalanceTooLargeError, ChargeRecord, Customer
from core.models.ledger import MAX_BALANCE
from core.reasons import translate


class TopUpRows(RowImporter):
    """Blocks of a file of top-ups against the database."""

    required: ClassVar[tuple[str, ...]] = ("username", "amount")
    optional: ClassVar[tuple[str, ...]] = ("memo",)
    parsers: ClassVar[Mapping[str, cells.Parser]] = {
        "username": cells.usernames,
        "amount": cells.amounts(8, least=Decimal("0.01")),
        "memo": cells.up_to(200),
    }

    def plan(self, batch: Batch, first_lines: Mapping[str, int]) -> Plan:
        customers = customers_of(batch.values["username"], lock=not self.checks)
        drop_unknown(batch, customers)
        keys = self.row_keys(batch)
        credited = tables.request_keys(ChargeRecord, keys)
        if faults := too_large(batch, customers, [key not in credited for key in keys]):
            batch.drop(faults)
            keys = self.row_keys(batch)
        is_new = [key not in credited for key in keys]
        new = {name: list(compress(column, is_new)) for name, column in batch.values.items()}
        new["request_key"] = list(compress(keys, is_new))
        new["customer"] = [customers[name] for name in new["username"]]
        amount = sum(map(Decimal, new["amount"]), Decimal(0))
        created = len(new["request_key"])
        return Plan(batch, created, 0, len(batch) - created, amount, new)

    def write(self, plan: Plan) -> None:
        if not plan.created:
            return
        new = plan.new
        ChargeRecord.objects.record_many(
            [
                ChargeRecord(
                    customer_id=customer.pk,
                    amount=Decimal(amount),
                    memo=memo,
                    creator_id=self.job.creator_id,
                    request_key=key,
                )
                for customer, amount, memo, key in zip(
                    new["customer"],
                    new["amount"],
                    new.get("memo") or repeat(""),
                    new["request_key"],
                    strict=False,
                )
            ]
        )


def too_large(
    batch: Batch, customers: Mapping[str, Customer], is_new: Sequence[bool]
) -> dict[int, list[RowError]]:
    """By index, new rows that would make a balance larger than its column holds."""
    names, amounts = batch.values["username"], batch.values["amount"]
    balances = {name: customer.balance for name, customer in customers.items()}
    highest = max(balances.values(), default=Decimal(0))
    if highest + sum(map(Decimal, amounts), Decimal(0)) <= MAX_BALANCE:
        return {}
    faults = {}
    for index in compress(range(len(batch)), is_new):
        balance = balances[names[index]] + Decimal(amounts[index])
        if balance > MAX_BALANCE:
            reason = translate(BalanceTooLargeError(balance).reason)
            faults[index] = [RowError(batch.lines[index], "amount", amounts[index], reason)]
        else:
            balances[names[index]] = balance
    return faults
