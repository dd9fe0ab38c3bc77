"""Undoing an import on the desk: who sees the button, what the page says and asks, what it does."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission

from core import tasks
from core.admin import imports
from core.importing import jobs
from core.importing.uploads import new_job
from core.models import BulkJob, ChargeRecord, Customer, ImportedRows, ImportJob, User
from tests.base import balance, client_of, messages_of

CUSTOMERS, CHARGES = ImportJob.Kind.CUSTOMERS, ImportJob.Kind.CHARGES
LABEL = "Undo this import"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings):
    settings.DATA_DIR = tmp_path


def imported(kind: ImportJob.Kind, text: str, creator: User) -> ImportJob:
    job = new_job(kind, "rows.csv", iter([text.encode()]), creator=creator)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.start_import(partial=False)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.DONE
    return job


def page_of(job: ImportJob, name: str = "change/") -> str:
    return f"/admin/core/importjob/{job.pk}/{name}"


def labels(page) -> list[str]:
    return [button.label for button in page.context["buttons"]]


def allow(user: User) -> None:
    user.user_permissions.add(Permission.objects.get(codename="undo_import"))


@pytest.fixture
def customers(alice):
    return imported(CUSTOMERS, "username,balance\ngrace,80\nheidi,\n", alice)


@pytest.fixture
def top_ups(bob, erin):
    return imported(CHARGES, "username,amount\nerin,5\nerin,7.50\n", bob)


def test_the_page_says_what_is_taken_back_and_the_yes_does_it(super_desk, customers):
    assert labels(super_desk.get(page_of(customers))) == [LABEL]
    asked = super_desk.get(page_of(customers, "undo/")).content.decode()
    assert "Customers to switch off</dt><dd>2<" in asked
    assert "Opening balances to take back</dt><dd>80.00<" in asked
    assert "Customers created by this import are switched off" in asked
    assert Customer.objects.filter(active=True).count() == 2
    done = super_desk.post(page_of(customers, "undo/"), follow=True)
    assert messages_of(done) == ["This import was undone."]
    assert labels(done) == []
    assert "by alice" in done.content.decode()
    assert ">undone<" in done.content.decode()
    assert not Customer.objects.filter(active=True).exists()
    history = super_desk.get(page_of(customers, "history/")).content.decode()
    assert "This import was undone." in history


def test_what_speaks_against_it_is_said_before_and_after_the_yes(super_desk, customers):
    grace = Customer.objects.get(username="grace")
    ChargeRecord.objects.create(customer=grace, amount=Decimal(1))
    told = "Not undone: customers of this import with later entries in the ledger: 1, grace."
    asked = super_desk.get(page_of(customers, "undo/")).content.decode()
    assert told in asked
    assert 'type="submit" class="el-button el-button--small el-button--danger"' not in asked
    done = super_desk.post(page_of(customers, "undo/"), follow=True)
    assert messages_of(done) == [told]
    assert told in done.content.decode()
    assert labels(done) == [LABEL]
    assert (balance(grace), Customer.objects.filter(active=True).count()) == (81, 2)


def test_an_uploader_does_not_undo_without_the_permission(desk, bob, erin, top_ups):
    assert labels(desk.get(page_of(top_ups))) == []
    for send in (desk.get, desk.post):
        assert send(page_of(top_ups, "undo/")).status_code == 403
    assert balance(erin) == 32.5
    allow(bob)
    assert labels(desk.get(page_of(top_ups))) == [LABEL]
    asked = desk.get(page_of(top_ups, "undo/")).content.decode()
    assert "Amount to take back</dt><dd>12.50<" in asked
    desk.post(page_of(top_ups, "undo/"))
    assert balance(erin) == 20


def test_the_permission_gives_no_right_to_book_what_undoing_writes(bob, carol, customers, top_ups):
    """Opening balances are for who may adjust balances; auditors book nothing."""
    for user, job in ((bob, customers), (carol, customers), (carol, top_ups)):
        allow(user)
        client = client_of(user)
        assert labels(client.get(page_of(job))) == []
        assert client.post(page_of(job, "undo/")).status_code == 403
        job.refresh_from_db()
        assert job.status == ImportJob.Status.DONE


def test_many_rows_are_left_to_the_consumers(super_desk, customers, monkeypatch):
    woken: list[int] = []
    monkeypatch.setattr(imports, "UNDONE_AT_ONCE", 1)
    monkeypatch.setattr(tasks, "wake_import", woken.append)
    page = super_desk.post(page_of(customers, "undo/"), follow=True)
    assert messages_of(page) == ["Undoing started; this page shows when it is done."]
    assert woken == [customers.pk]
    text = page.content.decode()
    assert ">being undone<" in text
    assert "data-open" in text
    assert labels(page) == []
    super_desk.post(page_of(customers, "stop/"))
    customers.refresh_from_db()
    assert customers.status == ImportJob.Status.UNDOING
    again = super_desk.post(page_of(customers, "undo/"), follow=True)
    assert "There is nothing to undo, or somebody else is undoing it." in messages_of(again)
    jobs.run(customers.pk)
    panel = super_desk.get(page_of(customers, "panel/")).json()
    assert ">undone<" in panel["panel"]


def test_an_import_of_before_says_that_it_cannot_be_undone(super_desk, customers):
    ImportedRows.objects.all().delete()
    page = super_desk.get(page_of(customers))
    assert labels(page) == []
    assert "It is not known which rows this import created" in page.content.decode()


@pytest.mark.parametrize("changes", [{"status": 99}, {"kind": 99, "status": 3}, {"kind": 99}])
def test_what_a_later_release_began_is_shown_and_left_to_it(changes, alice):
    job = imported(CUSTOMERS, "username\ngrace\n", alice)
    ImportJob.objects.filter(pk=job.pk).update(**changes)
    browser = client_of(alice)
    assert browser.get("/admin/core/importjob/").status_code == 200
    assert browser.get(f"/admin/core/importjob/{job.pk}/change/").status_code == 200
    assert ImportJob.claim(job.pk) is None
    action = {"action": 99, "status": BulkJob.Status.RUNNING}
    bulk = BulkJob.objects.create(creator=alice, **action)
    assert browser.get("/admin/core/bulkjob/").status_code == 200
    assert BulkJob.claim(bulk.pk) is None
