"""Any number of rows, with few in memory."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connections
from django.db.models import QuerySet

from core.db.blocks import in_blocks
from core.db.text import prepare

ROWS = 2_000


def blocks_of(rows: QuerySet[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    """A `values_list()` in blocks, through a server-side cursor."""
    prepare(connections[rows.db])
    yield from in_blocks(rows.iterator(chunk_size=ROWS), ROWS)


def can_copy(rows: QuerySet[Any]) -> bool:
    """Whether the database can write CSV itself."""
    return connections[rows.db].vendor == "postgresql"


def copied_lines(rows: QuerySet[Any]) -> Iterator[bytes]:
    """A `values_list()` as CSV lines without line ends, by COPY."""
    sql, params = rows.query.get_compiler(rows.db).as_sql()
    with (
        connections[rows.db].cursor() as cursor,
        cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)", params) as stream,
    ):
        for line in stream:
            yield bytes(line)[:-1]
