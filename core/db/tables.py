"""Many rows into a table at the database's own speed: COPY on PostgreSQL, multi-row statements on
SQLite.

Measured (tests/benchmarks/importing.py): with a model object for each row, `bulk_create` reaches a
tenth of the raw speed on SQLite and a quarter on PostgreSQL. This reaches most of it, but skips the
fields' validation: callers have validated.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice, repeat, starmap
from typing import Any

from django.db import connection, models
from django.db.models.functions import Now

from core.db import clock
from core.db.lookups import InArray

COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
TEXT = (models.CharField, models.TextField, models.DecimalField)


# With its own 2 MB, SQLite spills a long transaction's index pages to disk again and again.
CACHE_KB = 24_000
STATEMENT_ROWS = 100


@dataclass(frozen=True, slots=True)
class Constant:
    """One value for all rows of a column."""

    value: Any


def new_ids(model: type[models.Model], number: int) -> Sequence[int]:
    """Reserve rising ids for future rows. Inside a transaction."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # The transaction holds the only write lock; the insert moves the sequence.
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
            row = cursor.fetchone()
            first = row[0] + 1 if row else 1
            return range(first, first + number)
        # Asked once: looking up the sequence costs far more than taking a number.
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
        (sequence,) = cursor.fetchone()
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [sequence, number])
        return [row[0] for row in cursor.fetchall()]


def insert(model: type[models.Model], **columns: Sequence[Any] | Constant) -> None:
    """Insert rows from columns of equal length, by field name, amounts as text; other fields get
    their default. For thousands of rows; for few, blocks.insert_block() costs less."""
    fields = model._meta.local_concrete_fields
    if unknown := columns.keys() - {field.name for field in fields}:
        raise TypeError(f"{model.__name__} has no {', '.join(unknown)}")
    given = {
        field: columns[field.name] if field.name in columns else Constant(default_of(field))
        for field in fields
    }
    written = {field: column for field, column in given.items() if column != Constant(None)}
    if connection.vendor == "sqlite":
        insert_by_statements(model._meta.db_table, written)
    else:
        insert_by_copy(model._meta.db_table, written)


def insert_by_copy(table: str, columns: Mapping[Any, Sequence[Any] | Constant]) -> None:
    names = ", ".join(f'"{field.column}"' for field in columns)
    lines = map("\t".join, zip(*starmap(copy_texts, columns.items()), strict=False))
    with (
        connection.cursor() as cursor,
        cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as stream,
    ):
        stream.write("\n".join(lines) + "\n")


def insert_by_statements(table: str, columns: Mapping[Any, Sequence[Any] | Constant]) -> None:
    """Many rows in each statement take two thirds of the time; a `Constant` is bound once."""
    same = {field: column for field, column in columns.items() if isinstance(column, Constant)}
    various = {field: column for field, column in columns.items() if field not in same}
    names = ", ".join(f'"{field.column}"' for field in (*same, *various))
    once = [field.get_db_prep_save(column.value, connection) for field, column in same.items()]
    values = chain.from_iterable(zip(*starmap(parameters, various.items()), strict=True))
    marks = "".join(f"?{index + 1}, " for index in range(len(once)))

    def statement(rows: int) -> str:
        width = len(various)
        first = len(once) + 1
        numbers = (range(first + row * width, first + (row + 1) * width) for row in range(rows))
        groups = (marks + ", ".join(f"?{number}" for number in group) for group in numbers)
        return f'INSERT INTO "{table}" ({names}) VALUES ({"), (".join(groups)})'  # noqa: S608

    with connection.cursor() as cursor:
        # Django's cursor would parse placeholders.
        execute = cursor.connection.execute
        full = statement(STATEMENT_ROWS)
        while some := list(islice(values, STATEMENT_ROWS * len(various))):
            rows = len(some) // len(various)
            execute(full if rows == STATEMENT_ROWS else statement(rows), once + some)


def update(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Set these columns from rows of values, each with its id last."""
    columns = {field.name: field.column for field in model._meta.local_concrete_fields}
    settings = ", ".join(f'"{columns[name]}" = %s' for name in names)
    statement = f'UPDATE "{model._meta.db_table}" SET {settings} WHERE id = %s'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))


@contextmanager
def roomy_cache() -> Iterator[None]:
    """Let SQLite keep the pages that a long write comes back to."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        before = cursor.execute("PRAGMA cache_size").fetchone()[0]
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA cache_size = {before}")
            cursor.execute("PRAGMA shrink_memory")


def request_keys(model: type[models.Model], keys: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Which of these keys the table has, with their rows' ids."""
    those = InArray(models.F("request_key"), [key.hex for key in keys])
    return dict(model._default_manager.filter(those).order_by().values_list("request_key", "pk"))


def default_of(field: Any) -> Any:
    return clock.now() if isinstance(field.db_default, Now) else field.get_default()


def parameters(field: Any, column: Sequence[Any]) -> Sequence[Any]:
    """As SQLite's driver takes them."""
    return [value.hex for value in column] if isinstance(field, models.UUIDField) else column


def copy_texts(field: Any, column: Sequence[Any] | Constant) -> Iterable[str]:
    """As COPY's text format takes them."""
    if isinstance(column, Constant):
        return repeat(copy_text(field.get_db_prep_save(column.value, connection)))
    if isinstance(field, TEXT):
        joined = "".join(column)
        if not any(sign in joined for sign in ("\\", "\t", "\n", "\r")):
            return column
        return [text.translate(COPY_ESCAPES) for text in column]
    # Numbers, switches and keys need no escaping.
    return map(str, column) if None not in column else map(copy_text, column)


def copy_text(value: Any) -> str:
    return "\\N" if value is None else str(value).translate(COPY_ESCAPES)
