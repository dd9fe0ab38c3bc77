"""Bulk upload on the desk: upload, check, import, mend; and whose rows are whose."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile

from core.importing import jobs, store
from core.importing.detection import detect_file
from core.importing.duplicates import DuplicateFinder
from core.importing.uploads import new_job
from core.models import Customer, FilePart, ImportJob, LedgerEntry, Order, PricePolicy
from core.permissions import RIGHT_TO_BOOK
from core.reasons import Code, Reason, reason_of
from tests.base import client_of, messages_of, new_staff

IMPORT = "/admin/core/customer/import/"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return tmp_path / "imports"


def upload(client, text: str | bytes, **options):
    data = text.encode() if isinstance(text, str) else text
    file = SimpleUploadedFile("customers.csv", data)
    return client.post(IMPORT, {"file": file, **options}, follow=True)


def page_of(job: ImportJob, name: str = "change/") -> str:
    return f"/admin/core/importjob/{job.pk}/{name}"


def load(client):
    """Press Import on the page of the newest job."""
    return client.post(page_of(ImportJob.objects.first(), "load/"), follow=True)


def test_an_upload_shows_its_columns_its_first_rows_and_what_would_be_done(super_desk):
    page = upload(super_desk, "用户名,期初余额,memo\n李雷,80.00,first\nfrank,5,\n")
    text = page.content.decode()
    assert "期初余额 <small>→ balance</small>" in text
    assert "<td>李雷</td>" in text
    for figure in (
        "To create</dt><dd>2<",
        "Opening balances</dt><dd>85.00<",
        "Encoding</dt><dd>UTF-8<",
    ):
        assert figure in text
    assert "Import 2 rows" in text
    assert not Customer.objects.exists()


def test_a_small_file_is_in_when_the_page_is_back(super_desk, alice):
    upload(super_desk, "username,balance\ngrace,80.00\n")
    page = load(super_desk)
    assert "Created</dt><dd>1<" in page.content.decode()
    grace = Customer.objects.get()
    assert (grace.username, grace.balance, grace.creator_id) == ("grace", 80, alice.pk)
    assert LedgerEntry.objects.get().creator == alice
    job = ImportJob.objects.get()
    assert (job.status, job.creator) == (ImportJob.Status.DONE, alice)


def test_bad_rows_are_listed_and_come_back_as_a_file(super_desk):
    page = upload(super_desk, "username,balance\ngrace,80\n<b>,-1\n")
    text = page.content.decode()
    assert "&lt;b&gt;" in text
    assert "<b>" not in text.split("desk-panel")[1]
    assert "May not be negative." in text
    assert "Import valid rows" in text
    load(super_desk)
    assert list(Customer.objects.values_list("username", flat=True)) == ["grace"]
    job = ImportJob.objects.get()
    errors = b"".join(super_desk.get(page_of(job, "errors.csv")))
    assert "3,balance,'-1,May not be negative." in errors.decode()
    refused = super_desk.get(page_of(job, "refused.csv"))
    assert refused["Content-Disposition"] == f'attachment; filename="{job.pk}-refused.csv"'
    assert "<b>,'-1" in b"".join(refused).decode()


def test_a_file_that_is_refused_says_why_and_offers_nothing(desk):
    page = upload(desk, "username,password\ngrace,secret\n")
    assert "A file may not contain passwords" in page.content.decode()
    assert page.context["buttons"] == []
    assert "secret" not in page.content.decode()


def test_the_same_file_again_is_recognised(desk, bob):
    for _time in range(2):
        page = upload(desk, "username\ngrace\n")
        done = load(desk)
    text = page.content.decode()
    assert "This very file was imported on" in text
    assert "No row of this file would change anything." in text
    assert [button.label for button in page.context["buttons"]] == ["Cancel"]
    assert "Import another file" in done.content.decode()
    assert Customer.objects.count() == 1


def test_an_import_is_started_once(desk):
    upload(desk, "username\ngrace\n")
    load(desk)
    assert "This import was already started." in messages_of(load(desk))
    assert Customer.objects.count() == 1


def test_rows_that_became_wrong_since_the_check_stop_the_whole_import(desk):
    upload(desk, "username,memo\ngrace,\nheidi,mine\n")
    Customer.objects.create(username="heidi", memo="hers")
    page = load(desk)
    assert "Nothing was imported: line 3 became invalid after the check" in page.content.decode()
    assert list(Customer.objects.values_list("username", "memo")) == [("heidi", "hers")]


def test_a_file_changed_between_check_and_import_is_refused(desk):
    upload(desk, "username\ngrace\n")
    FilePart.objects.filter(name=store.UPLOAD).update(data=b"username\nmallory\n")
    assert "not the one that was checked" in load(desk).content.decode()
    assert not Customer.objects.exists()


def test_a_canceled_upload_is_forgotten(desk, own_folder):
    upload(desk, "username\ngrace\n")
    job = ImportJob.objects.get()
    page = desk.post(page_of(job, "stop/"), follow=True)
    assert "Canceled. Rows already imported are kept." in messages_of(page)
    assert not store.has(job, store.UPLOAD)
    load(desk)
    assert not Customer.objects.exists()


def test_the_wish_to_stop_is_seen_while_the_database_is_held_by_the_import(desk, monkeypatch):
    """On SQLite a write of the page waits for the end of the import that it is to stop."""
    upload(desk, "username\ngrace\n")
    job = ImportJob.objects.get()
    assert job.start_import(partial=False)

    def waits_until_the_import_has_ended(self) -> bool:
        jobs.run(self.pk)
        return False

    monkeypatch.setattr(ImportJob, "cancel", waits_until_the_import_has_ended)
    desk.post(page_of(job, "stop/"))
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CANCELED
    assert not Customer.objects.exists()


def test_the_history_says_who_imported_how_much_in_the_language_of_the_page(super_desk, alice):
    upload(super_desk, "username,balance\n" + "".join(f"customer{n},1\n" for n in range(1200)))
    text = super_desk.get(
        "/admin/core/importjob/", headers={"accept-language": "zh-hans"}
    ).content.decode()
    for cell in ("已新建", ">1,200<", ">1,200.00<", f">{alice.username}<"):
        assert cell in text


def test_a_large_file_is_left_to_the_consumers(desk, monkeypatch):
    woken = []
    monkeypatch.setattr("core.tasks.wake_import", woken.append)
    page = upload(desk, "username\n" + "".join(f"customer{row}\n" for row in range(10_000)))
    job = ImportJob.objects.get()
    assert woken == [job.pk]
    assert job.status == ImportJob.Status.CHECKING
    assert "data-open" in page.content.decode()
    answer = desk.get(page_of(job, "panel/")).json()
    assert "being checked" in answer["panel"]
    assert "Cancel" in answer["buttons"]


def test_a_run_works_where_only_the_office_can_read_and_leaves_nothing(
    desk, own_folder, monkeypatch
):
    modes = []

    def look(path, **options):
        modes.extend(each.stat().st_mode & 0o777 for each in (own_folder, path.parent, path))
        return detect_file(path, **options)

    monkeypatch.setattr(jobs, "detect_file", look)
    upload(desk, "username\ngrace\n")
    assert modes == [0o700, 0o700, 0o600]
    assert list(own_folder.iterdir()) == []


def test_another_users_rows_are_not_ones_own(desk):
    upload(desk, "username,balance\ngrace,1\nvictim,x\n")
    job = ImportJob.objects.get()
    mallory = client_of(new_staff("mallory", "Administrators"))
    seen = mallory.get(page_of(job)).content.decode()
    assert "victim" not in seen
    assert "grace" not in seen
    for name in ("load/", "stop/", "errors.csv", "refused.csv"):
        assert mallory.post(page_of(job, name)).status_code == 403
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CHECKED
    assert not Customer.objects.exists()


def test_who_may_only_add_cannot_update_by_a_forged_choice(dave, erin):
    rights = Permission.objects.filter(codename__in=("add_customer", "view_importjob"))
    dave.user_permissions.set(rights)
    client = client_of(dave)
    assert "update" not in client.get(IMPORT).context["form"].fields
    page = upload(client, "username,memo\nerin,mine\n", update="on")
    assert "already exists with a different memo" in page.content.decode()
    load(client)
    erin.refresh_from_db()
    assert erin.memo == ""


@pytest.mark.parametrize("role", ["clerk", "bob"])
def test_a_balance_in_a_file_is_refused_to_who_may_not_adjust_balances(role, request, dave, bob):
    dave.user_permissions.set(
        Permission.objects.filter(codename__in=("add_customer", "view_importjob"))
    )
    client = client_of({"clerk": dave, "bob": bob}[role])
    page = upload(client, "username,balance\nstraw,9999999.99\ngrace,\nheidi,0\n")
    assert "Opening balances are for those who may adjust balances" in page.content.decode()
    load(client)
    assert set(Customer.objects.values_list("username", flat=True)) == {"grace", "heidi"}
    assert not LedgerEntry.objects.exists()


def test_an_export_with_balances_comes_back_from_who_may_not_adjust_them(desk, erin):
    upload(desk, "username,balance,memo\nerin,20.00,regular\n", update="on")
    load(desk)
    erin.refresh_from_db()
    assert (erin.memo, erin.balance) == ("regular", 20)


def test_a_right_lost_after_the_check_ends_the_import(super_desk, alice):
    upload(super_desk, "username,balance\nstraw,5\n")
    job = ImportJob.objects.get()
    assert job.start_import(partial=False)
    alice.is_superuser = False
    alice.save()
    jobs.run(job.pk)
    job.refresh_from_db()
    assert reason_of(job) == Reason.of(Code.RIGHT_LOST, who="alice")
    assert not Customer.objects.exists()


@pytest.mark.parametrize("kind", list(ImportJob.Kind))
def test_an_upload_books_nothing_that_its_uploader_may_not_book(kind, dave, erin, harbour):
    """Each kind: the permission of the page without that of the entry."""
    importer = jobs.IMPORTERS[kind]
    text = {
        ImportJob.Kind.CUSTOMERS: "username,balance\nstraw,5\n",
        ImportJob.Kind.CHARGES: "username,amount\nerin,5\n",
        ImportJob.Kind.ORDERS: f"username,url,count\nerin,{harbour.origin}/videos/a,10000\n",
    }[kind]
    needed = RIGHT_TO_BOOK[importer.books.name].value.permissions
    codenames = {name.removeprefix("core.") for name in importer.right.value.permissions}
    without = codenames - {name.removeprefix("core.") for name in needed}
    dave.user_permissions.set(Permission.objects.filter(codename__in=without))
    job = new_job(kind, "rows.csv", iter([text.encode()]), creator=dave)
    jobs.run(job.pk)
    job.refresh_from_db()
    job.start_import(partial=True)
    jobs.run(job.pk)
    assert list(LedgerEntry.objects.values_list("amount", flat=True)) == [20]
    assert Customer.objects.count() == 1


@pytest.fixture
def checked_orders(desk, erin, site, policies):
    text = f"username,url,count\nerin,{site.origin}/videos/a,10000\n"
    file = SimpleUploadedFile("orders.csv", text.encode())
    page = desk.post("/admin/core/order/import/", {"file": file}, follow=True)
    assert ">5.00<" in page.content.decode()
    PricePolicy.objects.filter(count=10_000).update(price=9)


def test_prices_that_changed_since_the_check_are_shown_before_anything_is_imported(
    desk, erin, checked_orders
):
    page = load(desk)
    assert any("Prices changed since the check" in text for text in messages_of(page))
    assert ">9.00<" in page.content.decode()
    assert not Order.objects.exists()
    load(desk)
    erin.refresh_from_db()
    assert (Order.objects.get().price, erin.balance) == (9, 11)


def test_prices_that_change_while_an_import_waits_end_it(desk, erin, checked_orders):
    job = ImportJob.objects.get()
    job.start_import(partial=True)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert reason_of(job) == Reason.of(Code.PRICES_CHANGED)
    assert not Order.objects.exists()


def test_prices_that_change_while_a_file_is_looked_through_end_its_import(
    desk, erin, site, policies, monkeypatch
):
    """A file that names a video twice is read once more before its rows are: that takes a while."""
    row = f"erin,{site.origin}/videos/a,10000\n"
    file = SimpleUploadedFile("orders.csv", f"username,url,count\n{row}{row}".encode())
    desk.post("/admin/core/order/import/", {"file": file}, follow=True)
    job = ImportJob.objects.get()
    assert (job.repeats, job.created, job.rejected) == (True, 1, 1)
    look_through = DuplicateFinder.repeated_hashes

    def meanwhile(finder: DuplicateFinder) -> frozenset[int]:
        PricePolicy.objects.filter(count=10_000).update(price=9)
        return look_through(finder)

    monkeypatch.setattr(DuplicateFinder, "repeated_hashes", meanwhile)
    job.start_import(partial=True)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert reason_of(job) == Reason.of(Code.PRICES_CHANGED)
    assert not Order.objects.exists()


def test_every_kind_of_ledger_entry_has_a_right_to_book_it():
    assert set(RIGHT_TO_BOOK) == set(LedgerEntry.Kind.names)


def test_money_moved_during_an_update_stays(desk, erin):
    upload(desk, "username,memo\nerin,changed\n", update="on")
    Customer.objects.filter(pk=erin.pk).update(balance=7)
    load(desk)
    erin.refresh_from_db()
    assert (erin.memo, erin.balance) == ("changed", 7)


def test_too_large_a_file_is_refused_before_it_is_kept(desk, settings):
    settings.IMPORT_MAX_BYTES = 20
    page = upload(desk, "username\n" + "x" * 20 + "\n")
    assert "larger than 0 MB" in str(page.context["form"].errors)
    assert not ImportJob.objects.exists()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may be larger than a part of the upload."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_loses_no_upload(desk):
    desk.raise_request_exception = False
    rows = "username,memo\n" + "".join(f"erin{n},{'x' * 200}\n" for n in range(15_000))
    with full_disk():
        refused = upload(desk, rows)  # of the web's host
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert "disk is full" in refused.content.decode()
    upload(desk, rows)
    job = ImportJob.objects.get()
    with full_disk():
        jobs.run(job.pk)  # of the consumer's
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.created) == (ImportJob.Status.CHECKED, 15_000)
