"""Bulk actions on customers: a block is one look, one lock and a few statements."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from core.bulk.action import BulkAction, Outcome
from core.models import BalanceTooLargeError, ChargeRecord, Customer, FieldChange
from core.models.history import Difference
from core.models.ledger import MAX_BALANCE
from core.permissions import Right
from core.reasons import Code, Reason

# Of the keys that make a top-up of a job one for each customer, however often it is tried.
TOP_UPS = uuid.UUID("b5b6a1f4-7a0e-4b59-9a53-3a2c6f6de2a1")


class CustomerAction(BulkAction):
    model = Customer
    right = Right.SWITCH_CUSTOMERS
    group = "active"
    sum_of = "balance"

    def locked(self, ids: Sequence[int]) -> list[Customer]:
        rows = Customer.objects.select_for_update().filter(pk__in=ids).order_by("pk")
        return list(rows.only("username", "active", "balance"))


class TopUpCustomers(CustomerAction):
    right = Right.TOP_UP_CUSTOMER
    asks_amount = True

    @classmethod
    def takes(cls, group: Any) -> bool:
        return bool(group)

    def do(self, ids: Sequence[int]) -> Outcome:
        outcome = Outcome()
        each = self.job.each
        assert each is not None
        records = []
        for customer in self.locked(ids):
            if not customer.active:
                reason = Reason.of(Code.CUSTOMER_INACTIVE)
                outcome.refused.append((customer.pk, customer.username, reason))
            elif customer.balance + each > MAX_BALANCE:
                reason = BalanceTooLargeError(customer.balance + each).reason
                outcome.refused.append((customer.pk, customer.username, reason))
            else:
                outcome.changed.append((customer.pk, customer.username))
                records.append(self.record(customer.pk, each))
        ChargeRecord.objects.record_many(records)
        outcome.amount = each * len(records)
        return outcome

    def record(self, customer_id: int, amount: Decimal) -> ChargeRecord:
        return ChargeRecord(
            customer_id=customer_id,
            amount=amount,
            memo=self.job.note,
            creator_id=self.job.creator_id,
            request_key=self.key_of(customer_id),
        )

    def key_of(self, customer_id: int) -> uuid.UUID:
        return uuid.uuid5(TOP_UPS, f"{self.job.pk}:{customer_id}")

    def told(self) -> str:
        return _("Topped up with %(amount)s by bulk action %(number)s.") % {
            "amount": self.job.each,
            "number": self.job.pk,
        }


class SwitchCustomers(CustomerAction):
    to: ClassVar[bool]

    @classmethod
    def takes(cls, group: Any) -> bool:
        return bool(group) != cls.to

    def do(self, ids: Sequence[int]) -> Outcome:
        outcome = Outcome()
        for customer in self.locked(ids):
            if customer.active == self.to:
                outcome.refused.append((customer.pk, customer.username, self.is_so()))
            else:
                outcome.changed.append((customer.pk, customer.username))
        changed = [pk for pk, _name in outcome.changed]
        Customer.objects.filter(pk__in=changed).update(active=self.to)
        differences = [Difference(pk, "active", not self.to, self.to) for pk in changed]
        source = str(self.job)
        FieldChange.objects.keep(Customer, differences, actor=self.job.creator, source=source)
        return outcome

    def is_so(self) -> Reason:
        is_on = Code.CUSTOMER_ALREADY_ACTIVE
        return Reason.of(is_on if self.to else Code.CUSTOMER_ALREADY_INACTIVE)

    def told(self) -> str:
        number = {"number": self.job.pk}
        if self.to:
            return _("Switched on by bulk action %(number)s.") % number
        return _("Switched off by bulk action %(number)s.") % number


class ActivateCustomers(SwitchCustomers):
    to = True


class DeactivateCustomers(SwitchCustomers):
    to = False
