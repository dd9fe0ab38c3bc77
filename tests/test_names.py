"""A name that differs from another in case or Unicode form alone is the same name, wherever it
comes from; what shows nothing is none."""

import importlib
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from core.importing import jobs
from core.importing.uploads import new_job
from core.models import Customer, ImportJob, User
from core.models.names import name_key, name_keys, validate_name
from core.ops.doctor import Level, names
from core.pages.invitations import invite
from tests.base import client_of

# Composed and not, full width, capitals of other scripts, a sharp s, blanks of other widths.
ALIKE = [
    ("erin", "ERIN"),
    ("Jos\u00e9", "jose\u0301"),
    ("erin", "\uff45\uff52\uff49\uff4e"),
    ("\u041e\u043b\u044c\u0433\u0430", "\u043e\u043b\u044c\u0433\u0430"),
    ("Stra\u00dfe", "STRASSE"),
    ("li wei", "li\u3000\u3000wei"),
    ("\ufb01n", "fin"),
]


def add(client, username: str):
    return client.post("/admin/core/customer/add/", {"username": username, "active": "on"})


def errors_of(answer) -> str:
    return " ".join(text for texts in answer.context["errors"] for text in texts)


def imported(bob, text: str, tmp_path, settings) -> ImportJob:
    settings.DATA_DIR = tmp_path
    job = new_job(ImportJob.Kind.CUSTOMERS, "a.csv", iter([text.encode()]), creator=bob)
    jobs.run(job.pk)
    return ImportJob.objects.get(pk=job.pk)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_a_form_takes_no_second_name_of_the_kind(bob, one, other):
    desk = client_of(bob)
    assert add(desk, one).status_code == 302
    said = errors_of(add(desk, other))
    assert f"There is already “{one}”" in said
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_the_database_takes_none_either(db, one, other):
    Customer.objects.create(username=one)
    with pytest.raises(IntegrityError):
        Customer.objects.create(username=other)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_a_file_takes_none_beside_a_customer_or_beside_its_own_row(
    bob, tmp_path, settings, one, other
):
    Customer.objects.create(username=one)
    job = imported(bob, f"username\n{other}\nnewcomer\n", tmp_path, settings)
    assert (job.created, job.rejected) == (1, 1)
    job = imported(bob, "username\nfrank\nFRANK\nsomebody\n", tmp_path, settings)
    assert (job.created, job.rejected) == (2, 1)


def test_names_at_once_have_the_keys_of_names_one_by_one():
    for column in (["erin", "ERIN", "a b"], ["a  b", " a", "x"], ["\u00c9", "x"], []):
        assert name_keys(column) == list(map(name_key, column))


def test_a_renamed_customer_leaves_the_name_to_others(bob, frank):
    desk = client_of(bob)
    data = {"username": "franklin", "active": "on"}
    assert desk.post(f"/admin/core/customer/{frank.pk}/change/", data).status_code == 302
    assert add(desk, "FRANK").status_code == 302
    assert "franklin" in errors_of(add(desk, "Franklin"))
    # Its own name with other capitals.
    data = {"username": "Franklin", "active": "on"}
    assert desk.post(f"/admin/core/customer/{frank.pk}/change/", data).status_code == 302


def test_a_login_is_no_different(alice, bob, dave):
    desk = client_of(alice)
    data = {"username": "BOB", "password1": "Correct-horse-9", "password2": "Correct-horse-9"}
    add_page = "/admin/core/administrator/add/"
    assert errors_of(desk.post(add_page, data | {"usable_password": "true"}))
    page = f"/admin/core/user/{dave.pk}/change/"
    assert "“bob”" in errors_of(desk.post(page, {"username": "BOB", "is_active": "on"}))
    assert User.objects.filter(username__iexact="bob").count() == 1
    assert desk.post(page, {"username": "Dave", "is_active": "on"}).status_code == 302


def test_a_customer_who_is_called_like_a_login_is_let_in_under_another_name(bob):
    customer = Customer.objects.create(username="BOB")
    invite(customer, actor=bob)
    customer.refresh_from_db()
    assert customer.user.username not in ("BOB", "bob")


def test_names_from_before_stay_and_are_reported(bob, erin):
    """As the migration finds an office whose old version took both."""
    Customer.objects.create(username="like-erin")
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX customer_name_once")
        cursor.execute("UPDATE core_customer SET name_key = NULL")
        cursor.execute("UPDATE core_customer SET username = 'ERIN' WHERE username = 'like-erin'")
    migration = importlib.import_module("core.migrations.0050_rows")
    for _batch in migration.fill_keys(apps, SimpleNamespace(connection=connection)):
        pass
    keys = Customer.objects.order_by("pk").values_list("username", "name_key")
    assert list(keys) == [("erin", "erin"), ("ERIN", None)]
    assert names().level == Level.WARNING
    assert "ERIN" in names().text
    older = Customer.objects.get(username="ERIN")
    page = f"/admin/core/customer/{older.pk}/change/"
    data = {"username": "ERIN", "active": "on", "memo": "still here"}
    desk = client_of(bob)
    assert desk.post(page, data).status_code == 302
    assert desk.post(page, data | {"username": "erin the second"}).status_code == 302
    older.refresh_from_db()
    assert (older.memo, older.name_key) == ("still here", "erin the second")
    assert names().level == Level.OK


def test_customers_of_the_release_before_get_keys_unless_another_has_the_same(erin):
    for name in ("Frank", "FRANK", "ERIN", "grace"):
        made = Customer.objects.create(username=f"new {name}")
        Customer.objects.filter(pk=made.pk).update(username=name, name_key=None)
    assert Customer.objects.give_keys() == 2
    keys = Customer.objects.order_by("pk").values_list("username", "name_key")
    assert list(keys) == [
        *(("erin", "erin"), ("Frank", "frank"), ("FRANK", None), ("ERIN", None)),
        ("grace", "grace"),
    ]
    assert Customer.objects.give_keys() == 0


@pytest.mark.parametrize(
    "name", ["\u0301", "\u3164", "\u00ad", "\u115f", "\ue000", "\ud800", "\U000e0100", "\u180e"]
)
def test_what_shows_nothing_is_no_name(name):
    with pytest.raises(ValidationError):
        validate_name(name)


def test_a_picker_offers_the_exact_name_first(bob):
    for name in ("anna", "anna-maria", "annabel"):
        Customer.objects.create(username=name)
    Customer.objects.create(username="Anna Z")
    desk = client_of(bob)
    for typed in ("anna", "ANNA"):
        address = "/admin/autocomplete/?app_label=core&model_name=order&field_name=customer"
        found = desk.get(f"{address}&term={typed}").json()["results"]
        assert found[0]["text"].startswith("anna ·")
        assert len(found) == 4


def test_the_command_finds_a_customer_in_another_case(erin):
    assert Customer.objects.named("ERIN") == erin
    with pytest.raises(CommandError, match="no customer 'nobody'"):
        call_command("place_order", "nobody", "https://videos.example.com/videos/1", "10000")
