"""Customers whose balances a block moves, looked up by name in one query."""

from collections.abc import Mapping, Sequence

from django.db.models import F
from django.utils.translation import gettext as _

from core.db.lookups import InArray
from core.importing.batch import Batch
from core.models import Customer, CustomerInactiveError
from core.models.names import name_keys
from core.reasons import translate


def customers_of(names: Sequence[str], *, lock: bool) -> dict[str, Customer]:
    """By username. `lock` inside a transaction: they are ours until it ends."""
    rows = Customer.objects.filter(InArray(F("username"), names)).order_by("pk")
    if lock:
        rows = rows.select_for_update()
    return {row.username: row for row in rows.only("username", "active", "balance")}


def drop_unknown(batch: Batch, customers: Mapping[str, Customer]) -> None:
    reasons = {}
    unknown = {name for name in batch.values["username"] if name not in customers}
    twins = twins_of(sorted(unknown)) if unknown else {}
    for index, name in enumerate(batch.values["username"]):
        customer = customers.get(name)
        if customer is not None and customer.active:
            continue
        reason = _("There is no customer with this username.")
        if name in twins:
            text = _("There is no customer with this username; is it “%(name)s”?")
            reason = text % {"name": twins[name]}
        reasons[index] = reason if customer is None else translate(CustomerInactiveError.reason)
    batch.refuse("username", reasons)


def twins_of(names: Sequence[str]) -> dict[str, str]:
    """By name, the customer whose name differs in case or form alone."""
    keys = name_keys(names)
    rows = Customer.objects.filter(InArray(F("name_key"), keys)).order_by()
    found = dict(rows.values_list("name_key", "username"))
    return {name: found[key] for name, key in zip(names, keys, strict=True) if key in found}
