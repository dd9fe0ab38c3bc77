"""SQLite: locked by somebody else, full, or copied while it is written."""

import shutil
import sqlite3
import threading
import time
import uuid
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections

from core.models import Customer, LedgerEntry, Order, User
from core.ops.auditing import differences
from tests.faults.trial import VIDEOS, Trial, size
from tests.office import Office, wait_for, working_in

pytestmark = pytest.mark.parametrize("office", ["sqlite"], indirect=True)


def money() -> tuple[int, int, Decimal]:
    total = sum(Customer.objects.values_list("balance", flat=True), Decimal(0))
    return Order.objects.count(), LedgerEntry.objects.count(), total


def hold_the_lock(
    path: Path, seconds: float, until: threading.Event | None = None
) -> threading.Thread:
    """In another thread, for so long or until the event; returns when it is held."""
    held, until = threading.Event(), until or threading.Event()

    def hold() -> None:
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        held.set()
        until.wait(seconds)
        other.rollback()
        other.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    return thread


def test_a_writer_that_holds_the_lock_delays_an_order_or_refuses_it_whole(trial, row):
    """Up to the 20 s of the settings it waits; then it fails at once and has changed nothing."""
    longest = 0.0
    placed = refused = 0
    for seconds in [trial.dice.uniform(0, size(2, 25)) for _ in range(size(2, 20))]:
        before = money()
        holder = hold_the_lock(trial.office.data_dir / "office.sqlite3", seconds)
        began = time.monotonic()
        try:
            trial.place(wake=False)
            placed += 1
            longest = max(longest, time.monotonic() - began)
            assert money() == (before[0] + 1, before[1] + 1, before[2] - Decimal("3.33"))
        except OperationalError as error:
            refused += 1
            assert "locked" in str(error)
            assert seconds > 19
            assert money() == before
        finally:
            holder.join()
    tried = f"{placed + refused} times up to {size(2, 25)} s"
    row("locked", tried, figures=f"{placed} waited up to {longest:.1f} s, {refused} refused whole")
    assert list(differences()) == []


def test_staff_who_meet_a_locked_database_are_told_to_try_again(trial, row, client):
    client.force_login(User.objects.create_superuser("stella"))
    erin = trial.customer("erin", "50.00")
    form = {
        "customer": erin.pk,
        "url": trial.demo_site.address(f"v{next(VIDEOS)}"),
        "count": 10_000,
        "request_key": str(uuid.uuid4()),
    }
    connections["default"].settings_dict["OPTIONS"]["timeout"] = 0.2
    connections["default"].close()
    before = money()
    answered = threading.Event()
    holder = hold_the_lock(trial.office.data_dir / "office.sqlite3", 60, until=answered)
    answer = client.post("/admin/core/order/add/", form)
    answered.set()
    holder.join()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "try again" in answer.content.decode()
    assert money() == before
    assert client.post("/admin/core/order/add/", form).status_code == 302
    assert money() == (before[0] + 1, before[1] + 1, before[2] - 5)
    row("locked", "a save in the admin", figures="told to try again, then saved once")


def test_a_database_that_fills_up_takes_an_order_whole_or_not_at_all(trial, row):
    placed = refused = 0
    for _ in range(size(3, 50)):
        free = trial.dice.randint(0, 3)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count={cursor.fetchone()[0] + free}")
        for _ in range(300):
            before = money()
            try:
                trial.place(wake=False)
                placed += 1
            except OperationalError as error:
                refused += 1
                assert "full" in str(error)
                assert money() == before
                break
        connections["default"].close()
    row("full", f"{refused} times", figures=f"{placed} orders placed, {refused} refused whole")
    assert (refused, list(differences())) == (size(3, 50), [])


def test_a_copy_made_at_any_moment_is_whole(trial, row, tmp_path):
    """Database and WAL as a power cut would leave them: everybody stands still while they are
    copied."""
    trial.use_site(rate=3000)
    consumer = trial.consumer()
    copies = size(5, 200)
    for number in range(copies):
        for _ in range(2):
            trial.place()
        wait_for(lambda: Order.objects.filter(done__gt=0).exists())
        time.sleep(trial.dice.uniform(0, 0.5))
        copy = tmp_path / f"copy-{number}"
        copy.mkdir()
        consumer.pause()
        for name in ("office.sqlite3", "office.sqlite3-wal"):
            shutil.copy(trial.office.data_dir / name, copy / name)
        consumer.resume()
        assert trial.in_child(partial(examine, trial, copy)) == 0
    trial.wait_for_the_end()
    verdict = trial.verdict()
    row("copies", f"{copies} copies", verdict, "each whole, each ledger adds up")
    assert verdict.broken == []


def examine(trial: Trial, copy: Path) -> None:
    with working_in(Office("sqlite", copy, SECRET_KEY=trial.office.env["SECRET_KEY"])):
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA integrity_check")
            assert cursor.fetchall() == [("ok",)]
        assert list(differences()) == []
        assert Order.objects.exists()


def test_a_copy_of_the_database_without_its_wal_lacks_what_was_written_last(
    trial, control, tmp_path
):
    """The control: whoever copies the file alone loses the newest money."""
    trial.place(wake=False)
    shutil.copy(trial.office.data_dir / "office.sqlite3", tmp_path / "office.sqlite3")
    before = Order.objects.count()

    def look() -> None:
        with working_in(Office("sqlite", tmp_path, SECRET_KEY=trial.office.env["SECRET_KEY"])):
            assert Order.objects.count() == before

    assert trial.in_child(look) == 1
    control("copy of the WAL", "the newest order is missing")
