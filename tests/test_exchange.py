"""Import and export: what may come in, what goes out, and whose upload is whose."""

import csv
import io
import os
import re
import time
from datetime import timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.contrib.auth.models import Permission
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile

from core.admin import uploads
from core.models import ChargeRecord, Customer, LedgerEntry
from core.ordering import adjust
from tests.base import all_columns, client_of, messages_of, new_staff, sent_export

IMPORT = "/admin/core/customer/import/"
CONFIRM = "/admin/core/customer/process_import/"
CREATE, UPDATE = 0, 1
CSV, XLSX = 0, 1


@pytest.fixture
def desk(bob):
    return client_of(bob)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return tmp_path / "uploads"


def upload(client, text: str, resource: int = CREATE):
    file = SimpleUploadedFile("customers.csv", text.encode("utf-8-sig"))
    return client.post(IMPORT, {"import_file": file, "format": CSV, "resource": resource})


def confirmation(preview) -> dict:
    """What the preview's form would send."""
    form = preview.context["confirm_form"]
    return {field.html_name: field.value() for field in form}


def imported(client, text: str, resource: int = CREATE):
    return client.post(CONFIRM, confirmation(upload(client, text, resource)), follow=True)


def errors_of(preview) -> str:
    """Why nothing can be confirmed."""
    assert preview.status_code == 200
    assert "confirm_form" not in preview.context
    result = preview.context["result"]
    rows = [str(row.error) for row in result.invalid_rows]
    base = [str(error.error) for error in result.base_errors]
    failed = [str(error.error) for _line, errors in result.row_errors() for error in errors]
    return " ".join(rows + base + failed)


def export(client, model: str, file_format: int) -> list[list]:
    answer = sent_export(client, model, file_format)
    assert answer["Content-Type"] in (
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    if file_format == CSV:
        return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    return [list(row) for row in sheet.iter_rows(values_only=True)]


# What comes in


def test_a_preview_writes_nothing_and_the_confirmation_all(desk, bob):
    text = "username,mobile,memo\ngrace,+8613800000000,new\nheidi,,\n"
    preview = upload(desk, text)
    assert not Customer.objects.exists()

    desk.post(CONFIRM, confirmation(preview))
    grace, heidi = Customer.objects.order_by("username")
    assert (grace.username, grace.mobile, grace.memo) == ("grace", "+8613800000000", "new")
    assert (grace.creator_id, grace.active, grace.balance) == (bob.pk, True, 0)
    assert heidi.active


def test_creating_refuses_names_that_are_there(desk, erin):
    assert "already exists" in errors_of(upload(desk, "username,memo\nerin,x\n"))


def test_updating_goes_by_username_and_leaves_what_no_column_names(desk, erin, bob):
    Customer.objects.update(mobile="13800000001", active=False)
    imported(desk, "username,memo,active\nerin,a good one,\ngrace,,yes\n", UPDATE)
    erin.refresh_from_db()
    assert (erin.memo, erin.mobile, erin.active) == ("a good one", "13800000001", False)
    assert erin.creator_id is None
    assert Customer.objects.get(username="grace").creator_id == bob.pk


def test_money_moved_during_an_import_stays(desk, alice, erin, monkeypatch):
    """A row read before and written after a top-up must not write the old balance back."""
    save = Customer.save

    def slow_save(customer, *args, **kwargs):
        ChargeRecord.objects.create(customer_id=customer.pk, amount=Decimal(7))
        save(customer, *args, **kwargs)

    preview = upload(desk, "username,memo\nerin,changed\n", UPDATE)
    monkeypatch.setattr(Customer, "save", slow_save)
    desk.post(CONFIRM, confirmation(preview))
    erin.refresh_from_db()
    assert erin.memo == "changed"
    assert erin.balance == sum(LedgerEntry.objects.values_list("amount", flat=True)) == 27


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("username,balance\ngrace,500\n", "Unknown columns: balance"),
        ("username,creator\ngrace,alice\n", "Unknown columns: creator"),
        ("mobile\n1\n", "username"),
        ("username\n<script>\n", "May not contain"),
        ("username\n{{7*7}}\n", "May not contain"),
        ("username\ngrace\ngrace\n", "twice"),
        ("username,active\ngrace,maybe\n", "Neither yes nor no"),
        ("username,mobile\ngrace,12ab\n", "Digits only"),
        (f"username\n{'x' * 33}\n", "at most 32"),
        ('username\n""\n', "cannot be blank"),
    ],
)
def test_a_file_with_one_bad_row_imports_nothing(desk, text, why):
    good = text.splitlines()[0] + "\n"
    assert good
    assert why in errors_of(upload(desk, text))
    assert not Customer.objects.exists()


def test_too_large_a_file_is_refused(desk, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_BYTES", 20)
    preview = upload(desk, "username\n" + "x" * 20 + "\n")
    assert "larger" in str(preview.context["form"].errors)


def test_what_changed_since_the_preview_is_refused_whole(desk):
    preview = upload(desk, "username\ngrace\nheidi\n")
    Customer.objects.create(username="heidi")
    reply = desk.post(CONFIRM, confirmation(preview), follow=True)
    assert "Nothing was imported" in messages_of(reply)[0]
    assert not Customer.objects.filter(username="grace").exists()


# Whose upload it is


def test_an_upload_lies_where_only_the_office_can_read_it(desk, own_folder):
    upload(desk, "username\ngrace\n")
    (file,) = own_folder.iterdir()
    assert own_folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_upload_can_be_confirmed_once(desk, own_folder):
    form = confirmation(upload(desk, "username\ngrace\n"))
    desk.post(CONFIRM, form)
    assert not list(own_folder.iterdir())
    again = desk.post(CONFIRM, form)
    assert "import_file_name" in again.context["errors"]
    assert Customer.objects.count() == 1


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "victim.csv", "", "a:b:c"])
def test_a_name_that_was_not_given_out_opens_nothing(desk, own_folder, name):
    victim = uploads.folder() / "victim.csv"
    victim.write_text("username\nmallory\n")
    form = confirmation(upload(desk, "username\ngrace\n")) | {"import_file_name": name}
    answer = desk.post(CONFIRM, form)
    assert "import_file_name" in answer.context["errors"]
    assert victim.exists()
    assert not Customer.objects.exists()


def test_the_bare_name_of_ones_own_upload_is_not_enough(desk, own_folder):
    form = confirmation(upload(desk, "username\ngrace\n"))
    (file,) = own_folder.iterdir()
    answer = desk.post(CONFIRM, form | {"import_file_name": file.name})
    assert "import_file_name" in answer.context["errors"]
    assert file.exists()
    assert not Customer.objects.exists()


def test_another_users_upload_is_not_ones_own(desk, own_folder):
    form = confirmation(upload(desk, "username\ngrace\n"))
    mallory = client_of(new_staff("mallory", "Administrators"))
    answer = mallory.post(CONFIRM, form)
    assert "import_file_name" in answer.context["errors"]
    assert list(own_folder.iterdir())
    assert not Customer.objects.exists()


def test_an_upload_older_than_an_hour_is_gone(desk, own_folder, monkeypatch):
    form = confirmation(upload(desk, "username\ngrace\n"))
    (file,) = own_folder.iterdir()
    later = time.time() + 3601
    monkeypatch.setattr(signing.time, "time", lambda: later)
    assert "import_file_name" in desk.post(CONFIRM, form).context["errors"]
    monkeypatch.undo()

    old = time.time() - timedelta(hours=2).total_seconds()
    os.utime(file, (old, old))
    upload(desk, "username\nheidi\n")
    assert not file.exists()


def test_a_file_changed_between_preview_and_confirmation_is_refused(desk, own_folder):
    form = confirmation(upload(desk, "username\ngrace\n"))
    (file,) = own_folder.iterdir()
    file.write_text("username\nmallory\n")
    assert "import_file_name" in desk.post(CONFIRM, form).context["errors"]
    assert not Customer.objects.exists()


def test_who_may_only_add_cannot_update_by_a_forged_choice(dave, erin):
    dave.user_permissions.set(Permission.objects.filter(codename="add_customer"))
    client = client_of(dave)
    preview = upload(client, "username,memo\nerin,mine\n", UPDATE)
    assert "resource" in preview.context["form"].errors
    form = confirmation(upload(client, "username,memo\ngrace,mine\n")) | {"resource": "1"}
    assert "resource" in client.post(CONFIRM, form).context["errors"]
    erin.refresh_from_db()
    assert erin.memo == ""


# What goes out


@pytest.mark.parametrize("file_format", [CSV, XLSX])
def test_cells_that_a_spreadsheet_would_run_go_out_as_text(desk, file_format):
    for index, start in enumerate(["=", "+", "-", "@", "\t", "\r"]):
        Customer.objects.create(username=f"c{index}", memo=f"{start}1+1", mobile="+861380000")
    header, *rows = export(desk, "customer", file_format)
    memo, mobile = header.index("memo"), header.index("mobile")
    assert len(rows) == 6
    for row in rows:
        assert row[memo].startswith("'")
        assert row[mobile] == "'+861380000"


@pytest.mark.parametrize("file_format", [CSV, XLSX])
def test_what_went_out_comes_in_again_as_it_was(desk, file_format):
    Customer.objects.create(username="grace", mobile="+861380000", memo="=1+1")
    header, row = export(desk, "customer", file_format)
    columns = ("username", "mobile", "active", "memo")
    text = io.StringIO()
    csv.writer(text).writerows([columns, [row[header.index(name)] for name in columns]])
    imported(desk, text.getvalue(), UPDATE)
    grace = Customer.objects.get()
    assert (grace.mobile, grace.memo, grace.active) == ("+861380000", "=1+1", True)


def test_negative_amounts_go_out_as_numbers(desk, alice, erin):
    adjust(erin, Decimal("-5.25"), note="=evil", by=alice, request_key=None)
    header, *_, row = export(desk, "ledgerentry", CSV)
    assert row[header.index("amount")] == "-5.25"
    assert row[header.index("note")] == "'=evil"
    header, *_, row = export(desk, "ledgerentry", XLSX)
    assert float(row[header.index("amount")]) == -5.25
    assert row[header.index("customer")] == "erin"


@pytest.mark.parametrize("model", ["customer", "order", "chargerecord", "ledgerentry"])
def test_an_export_carries_the_lists_filters(desk, erin, frank, model):
    ChargeRecord.objects.create(customer=frank, amount=Decimal(1))
    page = desk.get(f"/admin/core/{model}/?q=erin").content.decode()
    link = re.search(r'href="([^"]*export/[^"]*)"', page)[1]
    assert "q=erin" in link
    answer = desk.post(link, all_columns(desk.get(link)))
    assert b"frank" not in answer.content
