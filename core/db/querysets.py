"""What a queryset says of itself only by Django's private API, and of its table only by SQL."""

from typing import Any

from django.db import connections
from django.db.models import Max, QuerySet


def is_filtered(rows: QuerySet[Any]) -> bool:
    """Whether any row of the table may be missing."""
    return bool(rows.query.where)


def without_filters(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same columns, joins and order for all rows of the table. For who knows the rows by their
    ids: with the filters besides, a database may begin with the index of a filter."""
    rows = rows.all()
    rows.query.clear_where()
    return rows


def order_of(rows: QuerySet[Any]) -> tuple[str, ...]:
    """What order_by() was given last; () where it is the model's own."""
    return tuple(map(str, rows.query.order_by))


def estimated_size(rows: QuerySet[Any]) -> int:
    """About how many rows the table has, without counting them."""
    connection, table = connections[rows.db], rows.model._meta.db_table
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = %s", [table])
            return int(cursor.fetchone()[0])
    # Nothing is deleted in an office, so the last id is the number of rows.
    return rows.model._base_manager.using(rows.db).aggregate(last=Max("pk"))["last"] or 0
