"""Lists as CSV and as workbooks, streamed: any number of rows in the memory of a few, as fast as
the database gives them.

The database formats each column as a resource of django-import-export would, with the same words
(core/db/text.py). PostgreSQL sends a finished CSV (COPY); SQLite's answers go into the CSV
unchanged.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.db.models import (
    BooleanField,
    DateTimeField,
    DecimalField as Decimals,
    IntegerField,
    Q,
    QuerySet,
)

from core.db.blocks import in_blocks
from core.db.streams import blocks_of, can_copy, copied_lines
from core.db.text import Escaped, LocalTime, Plain, labelled, text_of
from core.exporting import workbooks
from core.models import Order

# COPY sends a row at a time; this many are sent on together, some tens of kilobytes.
LINES = 500


@dataclass(frozen=True, slots=True)
class Column:
    """A title, the path of its values, how the database formats them, and how a workbook reads
    them."""

    title: str
    path: str
    text: Callable[[str], Any]
    kind: str = workbooks.TEXT


def columns_of(resource: Any, names: Sequence[str]) -> list[Column]:
    return [column_of(resource._meta.model, resource.fields[name]) for name in names]


def column_of(model: Any, field: Any) -> Column:
    path, title = field.attribute, field.column_name
    if path.startswith("get_") and path.endswith("_display"):
        path = path.removeprefix("get_").removesuffix("_display")
        return Column(title, path, labelled(dict(model._meta.get_field(path).choices)))
    *relations, name = path.split("__")
    for relation in relations:
        model = model._meta.get_field(relation).related_model
    column = model._meta.get_field(name)
    return Column(title, path, text_of(column), kind_of(column))


def kind_of(field: Any) -> str:
    if isinstance(field, DateTimeField):
        return workbooks.MOMENT
    if isinstance(field, BooleanField):
        return workbooks.YES_NO
    return workbooks.NUMBER if isinstance(field, IntegerField | Decimals) else workbooks.TEXT


def register_of(site_id: int) -> Iterator[bytes]:
    """The synthetic plays of one site, for its owner to subtract: one line per order that sent any.
    `received` were answered as received; `uncertain` may have been."""
    rows = Order.objects.filter(site=site_id).filter(Q(done__gt=0) | Q(uncertain__gt=0))
    columns = [
        Column("site", "site__origin", Escaped),
        Column("video", "video_id", Escaped),
        Column("address", "url", Escaped),
        Column("order", "oid", Escaped),
        Column("first play", "start_date", LocalTime),
        Column("ended", "end_date", LocalTime),
        Column("received", "done", Plain),
        Column("uncertain", "uncertain", Plain),
    ]
    return csv_chunks(rows.order_by("pk"), columns)


def csv_chunks(rows: QuerySet[Any], columns: Sequence[Column]) -> Iterator[bytes]:
    """The file in pieces; its byte order mark makes Excel read it as UTF-8."""
    titles, texts = [column.title for column in columns], as_text(rows, columns)
    if can_copy(rows):
        yield from csv_of(titles, ())
        # PostgreSQL ends its lines as Unix does; every other CSV of ours ends them as RFC 4180
        # says.
        for lines in in_blocks(copied_lines(texts), LINES):
            yield b"\r\n".join(lines) + b"\r\n"
    else:
        yield from csv_of(titles, blocks_of(texts))


def csv_of(titles: Sequence[str], blocks: Iterable[Sequence[Sequence[Any]]]) -> Iterator[bytes]:
    """The same from rows of text, a block at a time."""
    buffer = io.StringIO(newline="")
    buffer.write("\ufeff")
    writer = csv.writer(buffer)
    for block in chain([[titles]], blocks):
        writer.writerows(block)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def workbook_chunks(rows: QuerySet[Any], columns: Sequence[Column]) -> Iterator[bytes]:
    """The same as an Excel file; rows beyond a full sheet continue on the next."""
    titles = [column.title for column in columns]
    kinds = [column.kind for column in columns]
    return workbooks.workbook_chunks(titles, kinds, blocks_of(as_text(rows, columns)))


def as_text(rows: QuerySet[Any], columns: Sequence[Column]) -> QuerySet[Any]:
    return rows.values_list(*(column.text(column.path) for column in columns))
