"""Tables without their indexes for as long as millions of rows are loaded: building an index once
costs a tenth of keeping it through every row.

What is taken away is what the catalogue says is there: indexes, on PostgreSQL also foreign keys,
on SQLite also triggers on INSERT. It is put back word for word, in the same transaction.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction

# Unique columns of SQLite keep their index, in which every row of a load lands somewhere else.
CACHE_KB = 1_000_000


@contextmanager
def without_indexes(tables: Sequence[type[models.Model]]) -> Iterator[None]:
    """One transaction in which these tables have no more than their primary and unique keys."""
    names = [model._meta.db_table for model in tables]
    if connection.vendor == "sqlite":
        with _unchecked_sqlite(), transaction.atomic():
            made = _sqlite_parts(names)
            _run(f'DROP {kind} "{name}"' for kind, name, _sql in made)
            yield
            _run(sql for _kind, _name, sql in made)
        return
    with transaction.atomic():
        keys, indexes = _foreign_keys(names), _indexes(names)
        _run(f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"' for table, name, _sql in keys)
        _run(f'DROP INDEX "{name}"' for name, _sql in indexes)
        yield
        _run(["SET LOCAL maintenance_work_mem = '256MB'"])
        _run(sql for _name, sql in indexes)
        _run(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" {sql}' for table, name, sql in keys)
        _run(
            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), coalesce(max(id), 1), "
            f"max(id) IS NOT NULL) FROM {name}"
            for name in names
        )


def _run(statements: Iterator[str] | Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _rows(query: str, *parameters: Any) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


@contextmanager
def _unchecked_sqlite() -> Iterator[None]:
    """No look for the parent of every row, no wait for the disk, and room for the unique keys."""
    before = {name: _rows(f"PRAGMA {name}")[0][0] for name in ("cache_size", "synchronous")}
    _run([f"PRAGMA cache_size = -{CACHE_KB}", "PRAGMA synchronous = OFF"])
    try:
        _run(["PRAGMA foreign_keys = OFF"])
        yield
    finally:
        _run(["PRAGMA foreign_keys = ON"])
        _run(f"PRAGMA {name} = {value}" for name, value in before.items())
        _run(["PRAGMA shrink_memory"])


def _sqlite_parts(tables: Sequence[str]) -> list[tuple[str, ...]]:
    marks = ", ".join(["%s"] * len(tables))
    return _rows(
        f"SELECT type, name, sql FROM sqlite_master WHERE tbl_name IN ({marks}) "
        "AND sql IS NOT NULL AND (type = 'index' OR type = 'trigger' AND sql LIKE '%% INSERT %%') "
        "ORDER BY type",
        *tables,
    )


def _foreign_keys(tables: Sequence[str]) -> list[tuple[str, ...]]:
    return _rows(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE contype = 'f' AND conrelid::regclass::text = ANY(%s)",
        list(tables),
    )


def _indexes(tables: Sequence[str]) -> list[tuple[str, ...]]:
    """All but those that a primary key or a unique column is made of."""
    return _rows(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND NOT EXISTS "
        "(SELECT 1 FROM pg_constraint WHERE conindid = format('%%I', indexname)::regclass)",
        list(tables),
    )
