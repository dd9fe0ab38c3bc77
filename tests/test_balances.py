"""What a customer has is for who may see customers, and what they had for who may see the ledger;
whoever works with their orders or top-ups alone is not told in passing."""

import re
import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission

from core.models import ChargeRecord, TopUpCorrection, WaitingTopUp
from tests.base import client_of, placed

pytestmark = pytest.mark.django_db
LEDGER, CUSTOMERS = "view_ledgerentry", "view_customer"
RIGHTS = (
    *("view_order", "change_order", "add_order", "view_chargerecord", "add_chargerecord"),
    *("view_site", "approve_order"),
)
NOW, BEFORE, AFTER = "731.55", "705.55", "736.55"


@pytest.fixture
def pages(frank, bob, harbour, policies):
    """By address, the amounts of the balance that it shows, and the right to see them."""
    first = ChargeRecord.objects.create(customer=frank, amount=Decimal(BEFORE))
    charge = ChargeRecord.objects.create(customer=frank, amount=Decimal("31.00"))
    order = placed(frank, harbour, price=5)
    about = {"amount": 5, "creator": bob}
    waiting = WaitingTopUp.objects.create(customer=frank, **about)
    correction = TopUpCorrection.objects.create(charge=first, right_amount=9, reason="r", **about)
    quote = f"customer={frank.pk}&count=10000&url={harbour.origin}/videos/1"
    return {
        f"order/{order.pk}/change/": ((), LEDGER),
        "chargerecord/": ((BEFORE, AFTER), LEDGER),
        f"chargerecord/{charge.pk}/change/": ((BEFORE, AFTER), LEDGER),
        f"chargerecord/{charge.pk}/correct/": ((NOW,), CUSTOMERS),
        f"chargerecord/preview/?customer={frank.pk}&amount=5": ((NOW, AFTER), CUSTOMERS),
        f"waitingtopup/{waiting.pk}/change/": ((NOW,), CUSTOMERS),
        f"topupcorrection/{correction.pk}/change/": ((NOW,), CUSTOMERS),
        f"order/quote/?{quote}": ((NOW, "726.55"), CUSTOMERS),
    }


def shown_to(client, address: str) -> set[str]:
    answer = client.get(f"/admin/core/{address}")
    return set(re.findall(r"7\d\d\.\d\d", answer.text))


def test_a_balance_is_shown_to_who_may_see_it_alone(dave, pages):
    for seen in ((), (LEDGER,), (CUSTOMERS,), (LEDGER, CUSTOMERS)):
        rights = Permission.objects.filter(codename__in=(*RIGHTS, *seen))
        dave.user_permissions.set(rights)
        client = client_of(dave)
        for address, (amounts, right) in pages.items():
            others = {BEFORE} if right == LEDGER or "correct" in address else set()
            expected = set(amounts) if right in seen else set()
            assert shown_to(client, address) - others == expected - others, (seen, address)


def test_the_balance_of_several_orders_is_shown_to_who_may_see_customers(dave, frank, harbour):
    ChargeRecord.objects.create(customer=frank, amount=Decimal(NOW))
    sent = {"customer": frank.pk, "addresses": f"{harbour.origin}/videos/1", "count": 10_000}
    sent["request_key"] = str(uuid.uuid4())
    for seen in ((), (CUSTOMERS,)):
        rights = Permission.objects.filter(codename__in=(*RIGHTS, *seen))
        dave.user_permissions.set(rights)
        answer = client_of(dave).post("/admin/core/order/several/", sent)
        assert (NOW in answer.text) == bool(seen)
