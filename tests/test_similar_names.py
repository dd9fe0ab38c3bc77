"""Rows that are no customers of their own: totals, names that look alike, money booked before. They
are shown before anything is written."""

import unicodedata
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from core.importing.similar_names import skeletons
from core.models import ChargeRecord, Customer, ImportJob
from tests.base import balance
from tests.test_import_pages import load, own_folder, upload  # noqa: F401

CHARGES = "/admin/core/chargerecord/import/"


@pytest.mark.parametrize(
    "name", ["Total", "TOTALS:", "Grand total", "Sum", "合计", "总计：", "小计"]
)
def test_the_row_of_a_total_is_no_customer(super_desk, name):
    page = upload(super_desk, f"username;mobile;balance\nerin;;10\nfrank;;10\n{name};;20\n")
    assert "This is a total row" in page.content.decode()
    load(super_desk)
    assert list(Customer.objects.order_by("pk").values_list("username", "balance")) == [
        ("erin", 10),
        ("frank", 10),
    ]


def test_a_customer_who_is_called_so_and_is_there_stays_one(desk):
    Customer.objects.create(username="Total", memo="old")
    upload(desk, "username,memo\nTotal,new\n", update="on")
    load(desk)
    assert Customer.objects.get().memo == "new"


def test_names_that_look_alike_are_shown(desk):
    other = "\u0435rin"
    page = upload(desk, f"username\nerin\n{other}\n")
    assert f"Names in the file that look alike: erin / {other}." in page.content.decode()
    Customer.objects.create(username=other)
    page = upload(desk, "username\nerin\ngrace\n")
    assert f"look like existing customers: erin / {other}." in page.content.decode()


@pytest.mark.parametrize("other", ["grace", "李雷"])
def test_a_number_that_lost_its_zeros_looks_like_its_customer(super_desk, other):
    """An export that a spreadsheet saved would make them anew, with their money."""
    Customer.objects.create(username="00123")
    page = upload(super_desk, f"username,balance\n123,500.00\n{other},\n", update="on")
    assert "look like existing customers: 123 / 00123." in page.content.decode()


@pytest.mark.parametrize("other", ["ERIN", "Erin", "ｅｒｉｎ"])
def test_names_that_differ_in_case_or_form_alone_are_one(desk, other):
    page = upload(desk, f"username\nerin\n{other}\n")
    assert "Already in this file, in line 2." in page.content.decode()
    Customer.objects.create(username=other)
    page = upload(desk, "username\nerin\ngrace\n")
    assert f"There is already “{other}”" in page.content.decode()


def test_a_name_of_a_mac_is_that_of_others(desk):
    composed, other = "José", unicodedata.normalize("NFD", "José")
    Customer.objects.create(username=composed)
    page = upload(desk, f"username\n{other}\n").content.decode()
    assert f"There is already “{composed}”" in page


def test_names_that_differ_are_not_named(desk):
    Customer.objects.create(username="erin")
    page = upload(desk, "username\nerin\nerin 2\nEric\nfrank\n")
    assert ImportJob.objects.get().notes == []
    assert "alike" not in page.content.decode()


def test_plain_names_and_others_have_the_same_skeleton():
    assert skeletons(["Erin", "FRANK"]) == skeletons(["Erin", "FRANK", "李雷"])[:2]
    assert skeletons([]) == []


def test_the_money_that_would_move_is_in_the_question(super_desk):
    page = upload(super_desk, "username,balance\nerin,42000\nfrank,375\n")
    text = "This credits opening balances of 42,375.00 to 2 new customers."
    assert text in page.content.decode()


def test_top_ups_that_were_booked_lately_are_asked_about(desk, erin, frank):
    ChargeRecord.objects.create(customer=frank, amount=Decimal(5), memo="May")
    file = SimpleUploadedFile("a.csv", b"username,amount,memo\nfrank,5.00,May\nerin,5.00,May\n")
    text = desk.post(CHARGES, {"file": file}, follow=True).content.decode()
    assert "Rows that repeat recent top-ups: 1: frank 5.00 (" in text
    assert "Same payments: leave these rows out" in text
    again = f"/admin/core/importjob/{ImportJob.objects.get().pk}/again/repeated-again/"
    text = desk.post(again, follow=True).content.decode()
    assert "This credits 10.00 in 2 top-ups." in text
    assert balance(frank) == 5


@pytest.mark.parametrize(
    "sign", ["\u00ad", "\u034f", "\u115f", "\u3164", "\uffa0", "\u2800", "\ufe0f"]
)
def test_a_name_of_what_is_not_seen_is_refused(desk, sign):
    for name in (sign, f"er{sign}in"):
        upload(desk, f"username\n{name}\n")
        page = desk.post("/admin/core/customer/add/", {"username": name})
        assert "username" in page.context["adminform"].form.errors
    assert [job.created for job in ImportJob.objects.all()] == [0, 0]
    assert not Customer.objects.exists()
