"""Changes of large tables: made beside those who write, made again after they were broken off."""

from typing import Any

import pytest
from django.db import IntegrityError, NotSupportedError, connection, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import CheckConstraint, Q, UniqueConstraint

from core.db import online
from core.models import Customer

ONCE = UniqueConstraint(fields=["memo"], condition=~Q(memo=""), name="trial_once")
SHORT = CheckConstraint(condition=~Q(memo="long"), name="trial_short")


@pytest.fixture(scope="module")
def now() -> ProjectState:
    return MigrationLoader(None).project_state()


def do(operation: Any, state: ProjectState) -> None:
    after = state.clone()
    operation.state_forwards("core", after)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("core", editor, state, after)


def customers(*memos: str) -> None:
    for number, memo in enumerate(memos):
        Customer.objects.create(username=f"{memo} {number}", memo=memo)


def test_an_index_that_could_not_be_made_is_made_when_its_rows_are_mended(office, now):
    customers("same", "same")
    for _time in range(2):
        with pytest.raises(IntegrityError):
            do(online.AddConstraint("customer", ONCE), now)
    Customer.objects.filter(username="same 1").update(memo="other")
    for _time in range(2):
        do(online.AddConstraint("customer", ONCE), now)
    with pytest.raises(IntegrityError), transaction.atomic():
        customers("other")
    do(online.AddIndex("customer", models.Index(fields=["memo"], name="trial_memo")), now)
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "core_customer")
    assert found["trial_memo"]["index"] and found["trial_once"]["unique"]


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_a_condition_binds_new_rows_before_the_old_ones_are_mended(office, now):
    customers("long")
    for _time in range(2):
        with pytest.raises(IntegrityError):
            do(online.AddConstraint("customer", SHORT), now)
    with pytest.raises(IntegrityError), transaction.atomic():
        customers("x", "long")
    Customer.objects.update(memo="short")
    for _time in range(2):
        do(online.AddConstraint("customer", SHORT), now)


def test_each_batch_of_rows_is_kept_whatever_comes_after(office, now):
    customers("a", "b")

    def change(apps, editor):
        rows = apps.get_model("core", "Customer").objects
        for memo in ("a", "b"):
            rows.filter(memo=memo).update(memo="changed")
            if memo == "b":
                raise ZeroDivisionError
            yield

    with pytest.raises(ZeroDivisionError):
        do(online.ChangeRows(change), now)
    assert sorted(Customer.objects.values_list("memo", flat=True)) == ["b", "changed"]


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_nothing_of_it_hides_in_a_transaction(office, now):
    for operation in (online.AddConstraint("customer", ONCE), online.ChangeRows(iter)):
        with pytest.raises(NotSupportedError, match="atomic = False"), transaction.atomic():
            do(operation, now)
