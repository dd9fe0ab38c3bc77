"""Tells SQLite which filter to begin with. It keeps no statistics, so of two indexed filters it
takes either: all completed orders, 4,000,000 of them, to find the 50 of one small site.

PostgreSQL knows how many rows a value has, and is left alone.
"""

import copy
from collections import defaultdict
from typing import Any

from django.db import connections
from django.db.models import Func, QuerySet
from django.db.models.expressions import Col
from django.db.models.lookups import Lookup

# A filter that leaves no more rows than this is a good beginning; they are gone through.
FEW = 10_000
# Where all leave more: no customer has as many rows as a status, a kind or a year.
FEWEST = "customer_id"


class Unindexed(Func):
    """The same value, not to be looked for in an index: SQLite's unary plus."""

    template = "+%(expressions)s"
    arity = 1


def planned(rows: QuerySet[Any], *, by_order: bool = False) -> QuerySet[Any]:
    """The same rows, begun with a filter that leaves few of them. `by_order`: begun with none, for
    there are many and they are to be read in an order that has an index."""
    if connections[rows.db].vendor != "sqlite":
        return rows
    filters = filters_of(rows)
    if by_order:
        return begun_with(rows, set())
    if len(filters) < 2:
        return rows
    for column, lookups in filters.items():
        if is_few(rows, lookups):
            return begun_with(rows, {column})
    return begun_with(rows, {FEWEST}) if FEWEST in filters else rows


def filters_of(rows: QuerySet[Any]) -> dict[str, list[Any]]:
    """What each column of the table itself has to be, all of it together."""
    where = rows.query.where
    found: dict[str, list[Any]] = defaultdict(list)
    if where.connector != "AND" or where.negated:
        return {}
    for child in where.children:
        column: Any = getattr(child, "lhs", None)
        if isinstance(column, Col) and column.alias == rows.model._meta.db_table:
            found[str(column.target.column)].append(child)
    return found


def is_few(rows: QuerySet[Any], lookups: list[Any]) -> bool:
    alone = rows.model._base_manager.using(rows.db).order_by()
    alone.query.where.children.extend(lookups)
    return alone.values("pk")[: FEW + 1].count() <= FEW


def begun_with(rows: QuerySet[Any], columns: set[str]) -> QuerySet[Any]:
    rows = rows.all()
    others = {
        id(lookup)
        for column, lookups in filters_of(rows).items()
        for lookup in lookups
        if column not in columns
    }
    where: Any = rows.query.where
    where.children = [
        unindexed(child) if id(child) in others else child for child in where.children
    ]
    return rows


def unindexed(lookup: Lookup) -> Lookup:
    lookup = copy.copy(lookup)
    lookup.lhs = Unindexed(lookup.lhs, output_field=lookup.lhs.output_field)
    return lookup
