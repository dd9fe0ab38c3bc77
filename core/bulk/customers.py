"""Bulk actions on customers: a block is one locking SELECT and a few statements."""

import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy

from core.bulk.action import BulkAction, Outcome
from core.models import ApprovalLimit, BalanceTooLargeError, ChargeRecord, Customer, FieldChange
from core.models.approvals import requires_approval
from core.models.history import Difference
from core.models.ledger import MAX_CREDITED, CustomerInactiveError
from core.ordering import top_up_many
from core.ordering.equal_top_ups import equal_amounts
from core.permissions import Right
from core.reasons import Code, Reason

# For keys by which a job tops up each customer once, however often it is tried.
TOP_UP_KEY_NAMESPACE = uuid.UUID("b5b6a1f4-7a0e-4b59-9a53-3a2c6f6de2a1")


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
    groups = (True,)
    asks_amount = True

    def apply(self, ids: Sequence[int]) -> Outcome:
        outcome = Outcome()
        each = self.job.each
        assert each is not None
        records = []
        customers = self.locked(ids)
        # The person who confirmed earlier bookings did not see those booked since.
        equal = equal_amounts(ids, each, since=self.job.start_date if self.job.again else None)
        for customer in customers:
            if not customer.active:
                reason = CustomerInactiveError.reason
                outcome.refused.append((customer.pk, customer.username, reason))
            elif customer.pk in equal:
                day = timezone.localtime(equal[customer.pk]).date().isoformat()
                reason = Reason.of(Code.EQUAL_TOP_UP, amount=str(each), day=day)
                outcome.refused.append((customer.pk, customer.username, reason))
            elif customer.balance + each > MAX_CREDITED:
                reason = BalanceTooLargeError(customer.balance + each).reason
                outcome.refused.append((customer.pk, customer.username, reason))
            else:
                outcome.changed.append((customer.pk, customer.username))
                records.append(self.record(customer.pk, each))
        waiting = top_up_many(records, self.job.creator)
        outcome.amount = each * (len(records) - len(waiting))
        return outcome

    def record(self, customer_id: int, amount: Decimal) -> ChargeRecord:
        return ChargeRecord(
            customer_id=customer_id,
            amount=amount,
            memo=self.job.note,
            creator_id=self.job.creator_id,
            request_key=uuid.uuid5(TOP_UP_KEY_NAMESPACE, f"{self.job.pk}:{customer_id}"),
        )

    def history_text(self) -> str:
        each = self.job.each
        assert each is not None
        facts = {"amount": each, "number": self.job.pk}
        if requires_approval(each, ApprovalLimit.objects.of_top_ups(self.job.creator)):
            return _("A top-up of %(amount)s by bulk action %(number)s awaits approval.") % facts
        return _("Topped up with %(amount)s by bulk action %(number)s.") % facts


class SwitchCustomers(CustomerAction):
    target_active: ClassVar[bool]

    def apply(self, ids: Sequence[int]) -> Outcome:
        customers, goal = self.locked(ids), self.target_active
        reason = Reason.of(Code.CUSTOMER_ALREADY_ACTIVE if goal else Code.CUSTOMER_ALREADY_INACTIVE)
        outcome = Outcome(
            changed=[(one.pk, one.username) for one in customers if one.active != goal],
            refused=[(one.pk, one.username, reason) for one in customers if one.active == goal],
        )
        changed = [pk for pk, _name in outcome.changed]
        Customer.objects.filter(pk__in=changed).update(active=goal)
        differences = [Difference(pk, "active", before=not goal, after=goal) for pk in changed]
        source = str(self.job)
        FieldChange.objects.keep(Customer, differences, actor=self.job.creator, source=source)
        return outcome


class ActivateCustomers(SwitchCustomers):
    target_active = True
    groups = (False,)
    told = gettext_lazy("Switched on by bulk action %(number)s.")


class DeactivateCustomers(SwitchCustomers):
    target_active = False
    groups = (True,)
    told = gettext_lazy("Switched off by bulk action %(number)s.")
