"""Export: what goes out, and that it comes in again as it was."""

import asyncio
import csv
import io
import random
import re
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from import_export.resources import ModelResource

from core import ordering
from core.db import streams
from core.db.formulas import escape_formula
from core.exporting import lists, resources, workbooks
from core.exporting.downloads import file_answer
from core.importing import jobs
from core.models import ChargeRecord, Customer, ImportJob, Order, Site, Status
from core.ordering import adjust
from tests.base import all_columns, placed, sent_export

IMPORT = "/admin/core/customer/import/"
CSV, XLSX = 0, 1


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings):
    settings.DATA_DIR = tmp_path


def csv_file(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("customers.csv", text.encode("utf-8-sig"))


def export(client, model: str, file_format: int) -> list[list]:
    answer = sent_export(client, model, file_format)
    assert answer["Content-Type"] in (
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )
    if file_format == CSV:
        return list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.getvalue())).active
    return [list(row) for row in sheet.iter_rows(values_only=True)]


# What goes out


@pytest.mark.parametrize("file_format", [CSV, XLSX])
def test_cells_that_a_spreadsheet_would_run_go_out_as_text(desk, file_format):
    for index, start in enumerate(["=", "+", "-", "@", "\t", "\r", "\n", *"＝＋－＠"]):
        Customer.objects.create(username=f"c{index}", memo=f"{start}1+1", mobile="+861380000")
    header, *rows = export(desk, "customer", file_format)
    memo, mobile = header.index("memo"), header.index("mobile")
    assert len(rows) == 11
    for row in rows:
        assert row[memo].startswith("'")
        assert row[mobile] == "'+861380000"


@pytest.mark.parametrize("memo", ["=1+1", "'=1+1", "''-", "'", "'quoted'"])
@pytest.mark.parametrize("file_format", [CSV, XLSX])
def test_what_went_out_comes_in_again_as_it_was(desk, file_format, memo):
    Customer.objects.create(username="grace", mobile="+861380000", memo=memo)
    header, row = export(desk, "customer", file_format)
    columns = ("username", "mobile", "active", "memo")
    text = io.StringIO()
    csv.writer(text).writerows([columns, [row[header.index(name)] for name in columns]])
    Customer.objects.update(mobile="", memo="", active=False)
    page = desk.post(IMPORT, {"file": csv_file(text.getvalue()), "update": "on"}, follow=True)
    desk.post(page.request["PATH_INFO"].replace("change", "load"))
    grace = Customer.objects.get()
    assert (grace.mobile, grace.memo, grace.active) == ("+861380000", memo, True)


@pytest.mark.parametrize("file_format", [CSV, XLSX])
def test_an_export_can_be_changed_and_come_back_whole(desk, erin, file_format):
    Customer.objects.create(username="grace")
    answer = sent_export(desk, "customer", file_format)
    if file_format == CSV:
        data = answer.getvalue().replace(b"grace,", b"grace,138000")
    else:
        book = openpyxl.load_workbook(io.BytesIO(answer.getvalue()))
        (row,) = (row for row in book.active.iter_rows(min_row=2) if row[0].value == "grace")
        row[1].value = "138000"
        changed = io.BytesIO()
        book.save(changed)
        data = changed.getvalue()
    file = SimpleUploadedFile("customers", data)
    desk.post(IMPORT, {"file": file, "update": "on"})
    job = ImportJob.objects.get()
    address = f"/admin/core/importjob/{job.pk}/change/"
    jobs.run(job.pk)  # workbooks are read by consumers
    assert "create_date <small>(ignored)</small>" in desk.get(address).content.decode()
    desk.post(address.replace("change", "load"))
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.created, job.updated, job.unchanged, job.rejected) == (0, 1, 1, 0)
    assert Customer.objects.get(username="grace").mobile == "138000"


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_a_spreadsheets_line_ends_change_no_memo(desk, line_end):
    """A form ends lines by CR and LF, Excel those within a cell by LF alone."""
    Customer.objects.create(username="grace", memo="one\r\ntwo")
    text = f'username,memo\r\ngrace,"one{line_end}two"\r\n'
    desk.post(IMPORT, {"file": csv_file(text), "update": "on"})
    job = ImportJob.objects.get()
    assert (job.updated, job.unchanged, job.rejected) == (0, 1, 0)


@pytest.mark.parametrize(
    "resource", ["CustomerExport", "OrderExport", "ChargeExport", "LedgerExport"]
)
def test_the_stream_says_what_the_library_would(bob, erin, site, resource, monkeypatch):
    monkeypatch.setattr(streams, "ROWS", 2)
    Customer.objects.create(username="grace", memo='=1+1, "and"\nmore', creator_id=bob.pk)
    for index, status in enumerate((Status.PENDING, Status.CANCELED, Status.PARTIAL)):
        order = placed(erin, site, str(index), creator=bob)
        if status == Status.CANCELED:
            ordering.cancel(order, bob)
    columns = getattr(resources, resource)()
    names = columns.get_export_order()
    rows = columns._meta.model.objects.order_by("pk")
    stream = b"".join(lists.csv_chunks(rows, lists.columns_of(columns, names)))
    monkeypatch.setattr(resources.DeskResource, "export_field", escaped)
    library = columns.export(queryset=rows).csv
    assert stream.decode("utf-8-sig") == library


def escaped(resource, field, instance, **kwargs):
    """What the library leaves out: formulas. Numbers and dates are none."""
    cell = ModelResource.export_field(resource, field, instance, **kwargs)
    is_text = isinstance(cell, str) and isinstance(field.get_value(instance), str)
    return escape_formula(cell) if is_text else cell


def test_a_stream_is_sent_piece_by_piece_also_by_the_real_server(rf, bob):
    from django.core.handlers.asgi import ASGIRequest

    asked = ASGIRequest({"type": "http", "method": "GET", "path": "/"}, io.BytesIO())
    answer = file_answer(asked, "ab.csv", iter([b"a", b"b"]))

    async def read() -> list[bytes]:
        return [chunk async for chunk in answer]

    assert asyncio.run(read()) == [b"a", b"b"]


def test_negative_amounts_go_out_as_numbers(desk, alice, erin):
    adjust(erin, Decimal("-5.25"), note="=evil", actor=alice, request_key=None)
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
    form = desk.get(link)
    assert form.context["form"]["format"].initial == "0"
    answer = desk.post(link, all_columns(form))
    assert b"frank" not in answer.getvalue()


def test_a_sites_owner_gets_a_register_of_the_plays_to_subtract(desk, erin, site):
    for index, sent in enumerate((0, 9_000)):
        order = placed(erin, site, str(index))
        Order.objects.filter(pk=order.pk).update(done=sent, uncertain=sent // 1000, reserved=10_000)
    text = desk.get(f"/admin/core/site/{site.pk}/plays.csv").getvalue().decode("utf-8-sig")
    header, row = csv.reader(io.StringIO(text))
    assert header == [
        *("site", "video", "address", "order", "first play", "ended", "received", "uncertain")
    ]
    assert row == [site.origin, "1", order.url, order.oid, "", "", "9000", "9"]


def test_both_databases_say_what_python_would(office, demo_site):
    """Amounts to the cent, the office's clock and the words of a state, written by the database."""
    site = Site.objects.create(name="Harbour", origin=demo_site.url)
    erin = Customer.objects.create(username="erin", memo="\ttab", balance=Decimal("0.10"))
    dice = random.Random(7)
    orders = []
    for row in range(300):
        count = dice.randint(1, 40)
        order = Order(oid=f"={row}", customer=erin, site=site, video_id=str(row), url="u")
        order.count, order.price = count, Decimal(dice.randint(1, 999)).scaleb(-2)
        order.unit_price = order.price / count
        order.status, order.delivered = Status.PARTIAL, dice.choice([None, *range(count + 1)])
        order.refunded = dice.choice([None, order.price, Decimal("0.00"), Decimal("0.50")])
        orders.append(order)
    Order.objects.bulk_create(orders)
    Order.objects.update(create_date=datetime(2026, 3, 28, 23, 59, 59, 999999, UTC))
    columns = resources.OrderExport()
    names = ("oid", "status", "refunded", "price", "create_date", "start_date")
    with timezone.override("Asia/Shanghai"):
        chosen = lists.columns_of(columns, names)
        stream = b"".join(lists.csv_chunks(Order.objects.order_by("pk"), chosen))
        workbook = b"".join(lists.workbook_chunks(Order.objects.order_by("pk"), chosen))
    assert list(csv.reader(io.StringIO(stream.decode("utf-8-sig"), newline="")))[1:] == [
        [
            *(f"'={row}", "partial", "" if order.refunded is None else str(order.refunded)),
            *(str(order.price), "2026-03-29 07:59:59", ""),
        ]
        for row, order in enumerate(orders)
    ]
    assert stream.count(b"\r\n") == 301
    rows = openpyxl.load_workbook(io.BytesIO(workbook)).active.iter_rows(values_only=True)
    assert next(rows) == names
    assert next(rows)[3:] == (float(orders[0].price), datetime(2026, 3, 29, 7, 59, 59), None)


def test_a_sheet_that_is_full_is_followed_by_another(monkeypatch):
    monkeypatch.setattr(workbooks, "SHEET_ROWS", 4)
    awkward = "a\x07b\r\n<&> _x0041_ \ufffe"
    blocks = [[("1", awkward), ("2", None)], [("3.50", " c "), ("4", "d")], [("5", "e")]]
    data = b"".join(workbooks.workbook_chunks(("n", "t"), ("number", "text"), blocks))
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert [[list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book] == [
        [["n", "t"], [1, unescaped(awkward)], [2, None], [3.5, " c "]],
        [["n", "t"], [4, "d"], [5, "e"]],
    ]
    assert list(openpyxl.load_workbook(io.BytesIO(empty_workbook())).active.values) == [("n",)]


def unescaped(text: str) -> str:
    """As openpyxl gives inline text back: with the names of signs that XML has no place for."""
    for sign in "\x07\r\ufffe":
        text = text.replace(sign, f"_x{ord(sign):04X}_")
    return text.replace("_x0041_", "_x005F_x0041_")


def empty_workbook() -> bytes:
    return b"".join(workbooks.workbook_chunks(("n",), ("number",), []))
