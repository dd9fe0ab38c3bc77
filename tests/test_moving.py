"""An office that outgrows SQLite moves to PostgreSQL as docs/operations.md says."""

import re
import shlex
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from core.models import ChargeRecord, Customer, LedgerEntry, Order, User
from tests.base import an_order
from tests.office import working_in

DOCS = Path(__file__).parent.parent / "docs" / "operations.md"


def commands() -> list[list[str]]:
    """Of manage.py, in the section's order."""
    section = DOCS.read_text().partition("### From SQLite to PostgreSQL")[2].partition("\n#")[0]
    lines = re.findall(r"manage\.py (.+)$", section, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def rows() -> dict[str, list[tuple]]:
    kinds = (Order, LedgerEntry, Customer, User, Group)
    skipped = {"create_date", "due", "start_date", "end_date", "date_joined", "last_login"}
    return {
        kind.__name__: list(
            kind._base_manager.order_by("pk").values_list(
                *(field.attname for field in kind._meta.fields if field.name not in skipped)
            )
        )
        for kind in kinds
    }


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_an_office_moves_to_postgresql_with_all_that_it_has(office, new_office, postgres, tmp_path):
    order = an_order()
    User.objects.all()[0].groups.add(Group.objects.all()[0])
    # An older office came by other numbers than a new one has.
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF")
        for table, columns in {
            "django_content_type": ["id"],
            "auth_permission": ["id", "content_type_id"],
            "auth_group": ["id"],
            "auth_group_permissions": ["permission_id", "group_id"],
            "core_user_groups": ["group_id"],
        }.items():
            for column in columns:
                cursor.execute(f"UPDATE {table} SET {column} = {column} + 500")
    before = rows()
    file = str(tmp_path / "office.jsonl")
    dump, migrate, clear, load, check, install = [
        [file if word == "/var/lib/booster-office/office.jsonl" else word for word in words]
        for words in commands()
    ]
    office.manage(*dump)
    moved = new_office("sqlite")
    moved.kind = "postgresql"
    moved.env["DATABASE_URL"] = postgres.create_database("moved")
    try:
        for words in (migrate, clear, load, check, install):
            moved.manage(*words)
        with working_in(moved):
            assert rows() == before
            newest = LedgerEntry.objects.latest("pk").pk
            ChargeRecord.objects.create(customer_id=order.customer_id, amount=Decimal(1))
            assert LedgerEntry.objects.latest("pk").pk > newest  # numbers go on
    finally:
        postgres.drop_database("moved")
