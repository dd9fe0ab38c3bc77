"""Customers whose balances a block moves, looked up by name in one query."""

from collections.abc import Sequence

from django.db.models import F
from django.utils.translation import gettext as _

from core.db.lookups import InArray
from core.importing.batch import Batch
from core.models import Customer, CustomerInactiveError
from core.models.names import name_keys
from core.reasons import translate


def find_customers(batch: Batch, *, lock: bool) -> None:
    """Set each row's `customer`; rows of unknown or inactive customers fall out. `lock` (inside a
    transaction) locks the customers."""
    names = batch.values["username"]
    rows = Customer.objects.filter(InArray(F("username"), names)).order_by("pk")
    if lock:
        rows = rows.select_for_update()
    customers = {row.username: row for row in rows.only("username", "active", "balance")}
    unknown = {name for name in names if name not in customers}
    twins = twins_of(sorted(unknown)) if unknown else {}
    reasons = {}
    for index, name in enumerate(names):
        if name in twins:
            text = _("There is no customer with this username; is it “%(name)s”?")
            reasons[index] = text % {"name": twins[name]}
        elif name in unknown:
            reasons[index] = _("There is no customer with this username.")
        elif not customers[name].active:
            reasons[index] = translate(CustomerInactiveError.reason)
    batch.refuse("username", reasons)
    batch.values["customer"] = [customers[name] for name in batch.values["username"]]


def twins_of(names: Sequence[str]) -> dict[str, str]:
    """By name, the customer whose name differs in case or form alone."""
    keys = name_keys(names)
    rows = Customer.objects.filter(InArray(F("name_key"), keys)).order_by()
    found = dict(rows.values_list("name_key", "username"))
    return {name: found[key] for name, key in zip(names, keys, strict=True) if key in found}
