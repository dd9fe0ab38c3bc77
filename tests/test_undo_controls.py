"""The controls of the races in test_undoing.py: with its guard taken away each of them is lost."""

import threading

import pytest
from django.db import connection

from core.importing import jobs
from core.importing.undoing.top_ups import UndoTopUps
from core.models import ImportJob, Order
from tests.base import new_staff
from tests.test_undoing import CHARGES, CUSTOMERS, NEW, imported, spend

on_postgresql = pytest.mark.parametrize("office", ["postgresql"], indirect=True)


@pytest.fixture
def database(office, settings):
    settings.DATA_DIR = office.data_dir


@pytest.fixture
def zoe(database):
    return new_staff("zoe", is_superuser=True)


def test_without_the_condition_on_its_status_two_begin_to_undo_a_job(alice, zoe, monkeypatch):
    job = imported(CUSTOMERS, NEW, alice)
    pages = {who: ImportJob.objects.get(pk=job.pk) for who in (alice, zoe)}
    monkeypatch.setattr(ImportJob, "UNDOABLE", tuple(ImportJob.Status))
    assert [page.start_undo(who) for who, page in pages.items()] == [True, True]


@on_postgresql
def test_without_the_lock_what_is_being_taken_back_is_spent(
    office, alice, zoe, frank, harbour, monkeypatch
):
    """On SQLite the transaction itself is the lock."""
    job = imported(CHARGES, "username,amount\nfrank,6\n", alice)
    look, refused = UndoTopUps.look, []

    def look_and_be_slow(undoer: UndoTopUps) -> None:
        look(undoer)
        if connection.in_atomic_block:
            spender = threading.Thread(target=spend, args=(frank, harbour, refused))
            spender.start()
            spender.join(60)
            assert not spender.is_alive()

    monkeypatch.setattr(UndoTopUps, "look", look_and_be_slow)
    monkeypatch.setattr(UndoTopUps, "lock", lambda undoer: None)
    assert job.start_undo(zoe)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (refused, Order.objects.count()) == ([], 1)
    assert job.status != ImportJob.Status.UNDONE
