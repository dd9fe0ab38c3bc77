"""Stored times are the database's: a process whose clock is an hour off moves none of them."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.apps import apps
from django.db import models
from django.utils import timezone

from core import ordering
from core.db import clock, tables
from core.models import (
    ChargeRecord,
    Customer,
    LedgerEntry,
    Message,
    Status,
)
from tests.base import new_staff, placed
from tests.faults.trial import Trial
from tests.rounds import deliver

DJANGOS = "date_joined"  # by the process's clock, and nothing asks for it
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WRITTEN = {
    *("Customer", "ChargeRecord", "LedgerEntry", "Order", "OrderEvent", "CounterReading"),
    *("SiteCheck", "Message"),
}


@pytest.fixture
def trial(office, demo_site) -> Trial:
    return Trial(office, demo_site, random.Random(1))


def stored_moments() -> Iterator[tuple[str, datetime]]:
    """Each time in each row, with the name of its column."""
    for model in apps.get_app_config("core").get_models():
        for field in model._meta.local_fields:
            if isinstance(field, models.DateTimeField) and field.name != DJANGOS:
                rows = model._base_manager.exclude(**{field.name: None})
                for moment in rows.values_list(field.name, flat=True):
                    yield f"{model.__name__}.{field.name}", moment


def test_no_row_of_ours_is_stamped_by_its_process():
    stamped = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("core").get_models()
        for field in model._meta.local_fields
        if getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
        or (field.default is timezone.now and field.name != DJANGOS)
    ]
    assert stamped == []


@pytest.mark.parametrize("off", [HOUR, -HOUR], ids=["ahead", "behind"])
def test_a_process_whose_clock_is_off_moves_no_stored_time(trial, off):
    began = clock.now()
    known = set(stored_moments())
    with time_machine.travel(timezone.now() + off):
        alice = new_staff("alice", is_superuser=True)
        customer = Customer.objects.create(username="erin")
        ChargeRecord.objects.create(customer=customer, amount=Decimal(100))
        order = trial.place(100, wake=False)
        deliver()
        canceled = placed(customer, trial.site)
        Message.objects.say(order, alice, "Done.")
        ordering.cancel(canceled, alice, "a mistake")
        ids = tables.new_ids(Customer, 1)
        LedgerEntry.objects.open_accounts(
            creator_id=alice.pk, note="", id=ids, username=["frank"], balance=["5.00"]
        )
    ended = clock.now()
    order.refresh_from_db()
    assert order.status == Status.COMPLETED
    found = [one for one in stored_moments() if one not in known]
    wrong = {name for name, moment in found if not began - MINUTE < moment < ended + 30 * MINUTE}
    assert wrong == set()
    written = {name.split(".")[0] for name, _moment in found}
    assert written >= WRITTEN
