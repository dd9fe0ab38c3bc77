"""Many rows into a table at the database's own speed: COPY on PostgreSQL, one prepared statement on
SQLite.

Measured (tests/benchmarks/importing.py): `bulk_create` makes a model object a row and reaches a
tenth of the raw speed on SQLite and a quarter on PostgreSQL; what is here reaches most of it.
Values go past the fields' validation: callers have validated them.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from django.db import connection, models
from django.db.models.expressions import RawSQL
from django.utils import timezone

COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
TEXT = (models.CharField, models.TextField, models.DecimalField)


@dataclass(frozen=True, slots=True)
class Every:
    """One value in all rows of a column."""

    value: Any


def new_ids(model: type[models.Model], number: int) -> Sequence[int]:
    """Ids for rows to come, nobody else's, in rising order. Inside a transaction."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # The transaction holds the only write lock; inserting moves the sequence.
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
            row = cursor.fetchone()
            first = row[0] + 1 if row else 1
            return range(first, first + number)
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [table, number],
        )
        return [row[0] for row in cursor.fetchall()]


def insert(model: type[models.Model], **columns: Sequence[Any] | Every) -> None:
    """Insert rows. Columns by the fields' names, all of one length, amounts as text; what is not
    named gets its field's default."""
    fields = model._meta.local_concrete_fields
    if unknown := columns.keys() - {field.name for field in fields}:
        raise TypeError(f"{model.__name__} has no {', '.join(unknown)}")
    given = [
        columns[field.name] if field.name in columns else Every(default_of(field))
        for field in fields
    ]
    names = ", ".join(f'"{field.column}"' for field in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            marks = ", ".join(["?"] * len(fields))
            # Django's cursor would look at every row for its own placeholders.
            cursor.connection.executemany(
                f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({marks})',  # noqa: S608
                zip(*map(parameters, fields, given), strict=False),
            )
            return
        lines = map("\t".join, zip(*map(copy_texts, fields, given), strict=False))
        with cursor.copy(f'COPY "{model._meta.db_table}" ({names}) FROM STDIN') as copy:
            copy.write("\n".join(lines) + "\n")


def update(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Set these columns, one row of values for each id, which stands last."""
    columns = {field.name: field.column for field in model._meta.local_concrete_fields}
    settings = ", ".join(f'"{columns[name]}" = %s' for name in names)
    statement = f'UPDATE "{model._meta.db_table}" SET {settings} WHERE id = %s'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))


def among(values: Sequence[str]) -> RawSQL:
    """For `field__in=`: one parameter, however many values there are."""
    if connection.vendor == "sqlite":
        return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(values)])
    return RawSQL("SELECT unnest(%s::text[])", [list(values)])


def default_of(field: Any) -> Any:
    return timezone.now() if getattr(field, "auto_now_add", False) else field.get_default()


def parameters(field: Any, column: Sequence[Any] | Every) -> Iterable[Any]:
    """As SQLite's driver takes them."""
    if isinstance(column, Every):
        return repeat(field.get_db_prep_save(column.value, connection))
    if isinstance(field, models.UUIDField):
        return [value.hex for value in column]
    return column


def copy_texts(field: Any, column: Sequence[Any] | Every) -> Iterable[str]:
    """As COPY's text format takes them."""
    if isinstance(column, Every):
        return repeat(copy_text(field.get_db_prep_save(column.value, connection)))
    if isinstance(field, TEXT):
        joined = "".join(column)
        if not any(sign in joined for sign in ("\\", "\t", "\n", "\r")):
            return column
        return [text.translate(COPY_ESCAPES) for text in column]
    return map(copy_text, column)


def copy_text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int | uuid.UUID):
        return str(value)
    return str(value).translate(COPY_ESCAPES)
