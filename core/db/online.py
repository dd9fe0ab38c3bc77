"""Migration operations for large tables that no writer has to wait for.

An index is built beside the writers, a constraint binds new rows before old ones are checked, and
rows change a batch at a time. This does not fit into one transaction: the migration says `atomic =
False`, so each operation can be repeated and goes on where it stopped. tests/migrating.py says
which changes need one.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

from django.db import NotSupportedError, migrations, transaction
from django.db.models import CheckConstraint, UniqueConstraint

from core.db.patience import lock_timeout

LEFT_BROKEN = """
    SELECT 1 FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relname = %s AND NOT indisvalid AND pg_table_is_visible(pg_class.oid)"""
HAS_CONSTRAINT = "SELECT 1 FROM pg_constraint WHERE conname = %s AND conrelid = %s::regclass"

Batches = Callable[[Any, Any], Iterator[None]]


class AddIndex(migrations.AddIndex):
    """Build an index while others write."""

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            make_index(schema_editor, self.index.create_sql(model, schema_editor), self.index.name)


class AddConstraint(migrations.AddConstraint):
    """A CheckConstraint, or a UniqueConstraint that is an index because it has a condition."""

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        constraint = self.constraint
        if isinstance(constraint, CheckConstraint):
            check_rows(schema_editor, model, constraint)
        elif isinstance(constraint, UniqueConstraint) and constraint.condition is not None:
            make_index(schema_editor, constraint.create_sql(model, schema_editor), constraint.name)
        else:
            raise NotSupportedError(f"{constraint.name}: no condition, so no index of its own")


class ChangeRows(migrations.RunPython):
    """`batches(apps, schema_editor)` yields after each batch of changes; each is a transaction."""

    atomic = False

    def __init__(self, batches: Batches) -> None:
        super().__init__(cast(Any, batches), migrations.RunPython.noop, atomic=False)
        self.batches = batches

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__qualname__, [], {"batches": self.batches}

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        refuse_transaction(schema_editor)
        from_state.clear_delayed_apps_cache()
        alias = schema_editor.connection.alias
        batches = self.batches(from_state.apps, schema_editor)
        is_left = True
        while is_left:
            with transaction.atomic(using=alias):
                is_left = next(batches, END) is not END


END = object()


def make_index(schema_editor: Any, statement: Any, name: str) -> None:
    refuse_transaction(schema_editor)
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(str(statement).replace(" INDEX ", " INDEX IF NOT EXISTS ", 1), None)
        return
    # It blocks nobody, so it may wait for long transactions, whatever limit `migrate` sets.
    with lock_timeout(schema_editor.connection, 0):
        if finds(schema_editor, LEFT_BROKEN, name):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY {schema_editor.quote_name(name)}")
        beside = " INDEX CONCURRENTLY IF NOT EXISTS "
        schema_editor.execute(str(statement).replace(" INDEX ", beside, 1), None)


def check_rows(schema_editor: Any, model: Any, constraint: Any) -> None:
    """Bind new rows first, then check the old ones."""
    refuse_transaction(schema_editor)
    if schema_editor.connection.vendor == "sqlite":
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.add_constraint(model, constraint)  # rebuilds the table
        return
    table = model._meta.db_table
    if not finds(schema_editor, HAS_CONSTRAINT, constraint.name, table):
        schema_editor.execute(f"{constraint.create_sql(model, schema_editor)} NOT VALID", None)
    table, name = map(schema_editor.quote_name, (table, constraint.name))
    with lock_timeout(schema_editor.connection, 0):
        schema_editor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def finds(schema_editor: Any, query: str, *values: str) -> bool:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone() is not None


def refuse_transaction(schema_editor: Any) -> None:
    if schema_editor.connection.in_atomic_block:
        raise NotSupportedError("A migration of large tables says atomic = False.")
