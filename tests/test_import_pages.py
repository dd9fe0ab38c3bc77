"""Bulk upload on the desk: upload, check, import, mend; and whose rows are whose."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile

from core.importing import jobs, store
from core.models import Customer, ImportJob, LedgerEntry
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


def test_an_upload_shows_its_columns_its_first_rows_and_what_would_be_done(desk, bob):
    page = upload(desk, "用户名,期初余额,memo\n李雷,80.00,first\nfrank,5,\n")
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


def test_a_small_file_is_in_when_the_page_is_back(desk, bob):
    upload(desk, "username,balance\ngrace,80.00\n")
    page = load(desk)
    assert "Created</dt><dd>1<" in page.content.decode()
    grace = Customer.objects.get()
    assert (grace.username, grace.balance, grace.creator_id) == ("grace", 80, bob.pk)
    assert LedgerEntry.objects.get().creator == bob
    job = ImportJob.objects.get()
    assert (job.status, job.creator) == (ImportJob.Status.DONE, bob)


def test_bad_rows_are_listed_and_come_back_as_a_file(desk):
    page = upload(desk, "username,balance\ngrace,80\n<b>,-1\n")
    text = page.content.decode()
    assert "&lt;b&gt;" in text
    assert "<b>" not in text.split("desk-panel")[1]
    assert "May not be negative." in text
    assert "Import valid rows" in text
    load(desk)
    assert list(Customer.objects.values_list("username", flat=True)) == ["grace"]
    job = ImportJob.objects.get()
    errors = b"".join(desk.get(page_of(job, "errors.csv")))
    assert "3,balance,'-1,May not be negative." in errors.decode()
    refused = desk.get(page_of(job, "refused.csv"))
    assert refused["Content-Disposition"] == f'attachment; filename="{job.pk}-refused.csv"'
    assert "<b>,'-1" in b"".join(refused).decode()


def test_a_file_that_is_refused_says_why_and_offers_nothing(desk):
    page = upload(desk, "username,password\ngrace,secret\n")
    assert "A file may not hold passwords" in page.content.decode()
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
    store.path_of(ImportJob.objects.get(), store.UPLOAD).write_text("username\nmallory\n")
    assert "not the one that was checked" in load(desk).content.decode()
    assert not Customer.objects.exists()


def test_a_canceled_upload_is_forgotten(desk, own_folder):
    upload(desk, "username\ngrace\n")
    job = ImportJob.objects.get()
    page = desk.post(page_of(job, "stop/"), follow=True)
    assert "Canceled. Rows already imported stay." in messages_of(page)
    assert not store.path_of(job, store.UPLOAD).exists()
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


def test_the_history_says_who_imported_how_much_in_the_language_of_the_page(desk, bob):
    upload(desk, "username,balance\n" + "".join(f"customer{n},1\n" for n in range(1200)))
    text = desk.get(
        "/admin/core/importjob/", headers={"accept-language": "zh-hans"}
    ).content.decode()
    for cell in ("已新建", ">1,200<", ">1,200.00<", f">{bob.username}<"):
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


def test_an_upload_lies_where_only_the_office_can_read_it(desk, own_folder):
    upload(desk, "username\ngrace\n")
    folder = own_folder / ImportJob.objects.get().folder
    assert own_folder.stat().st_mode & 0o777 == folder.stat().st_mode & 0o777 == 0o700
    assert (folder / store.UPLOAD).stat().st_mode & 0o777 == 0o600


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
