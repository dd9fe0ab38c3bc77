"""Facts about a queryset that need Django's private API, or SQL."""

from typing import Any

from django.db import connections
from django.db.models import Max, QuerySet


def is_filtered(rows: QuerySet[Any]) -> bool:
    return bool(rows.query.where)


def without_filters(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same columns, joins and order for all rows. For rows known by id: with filters too, a
    database may start with the index of a filter."""
    rows = rows.all()
    rows.query.clear_where()
    return rows


def order_of(rows: QuerySet[Any]) -> tuple[str, ...]:
    """The last order_by(); () for the model's own."""
    return tuple(map(str, rows.query.order_by))


def estimated_size(rows: QuerySet[Any]) -> int:
    """About how many rows the table has, without counting."""
    connection, table = connections[rows.db], rows.model._meta.db_table
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = %s", [table])
            return int(cursor.fetchone()[0])
    # No rows are deleted in an office, so the last id is their number.
    return rows.model._base_manager.using(rows.db).aggregate(last=Max("pk"))["last"] or 0
