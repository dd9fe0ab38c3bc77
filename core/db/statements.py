"""Statements that Django builds once and the database runs often.

To build a statement costs Django several times what the database needs to run it, and a delivery
claims and checkpoints by the same few over and over. Here each *shape* (table, columns, which
values the database computes itself) is built once a process by Django's own compiler; from then on
only values are bound, by their fields' own rules. What reaches the database is what
`filter().update()` and `filter().first()` would send: tests/test_statements.py holds them together.

A function that says what is asked (`rows`) is part of the shape: pass one that stays, such as a
function of a module or a manager's `filter`, not one made for each call.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import (
    DateTimeField,
    DecimalField,
    DurationField,
    Expression,
    Field,
    Model,
    QuerySet,
    UUIDField,
)
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery

Row = TypeVar("Row", bound=Model)


class FromNow:
    """So long from now by the database's clock; an expression like Now() to Django."""

    __slots__ = ("span",)

    def __init__(self, span: timedelta) -> None:
        self.span = span

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        return (Now() + self.span).resolve_expression(*args, **kwargs)


class Slot(Expression):
    """Where a value goes each time the statement runs."""

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


class Statement:
    """SQL with its parameters: slots, and constants that are part of the shape."""

    def __init__(self, sql: str, parameters: Sequence[Any]) -> None:
        self.sql = sql
        self._parameters = [
            (one.name, one.output_field.get_db_prep_save) if isinstance(one, Slot) else (None, one)
            for one in parameters
        ]

    def bind(self, database: Any, values: Mapping[str, Any]) -> list[Any]:
        return [
            bind if name is None else bind(values[name], connection=database)
            for name, bind in self._parameters
        ]


def update(model: type[Model], where: Mapping[str, Any], changes: Mapping[str, Any]) -> int:
    """Set fields of the rows whose fields equal `where`; how many they were.

    A change is a value, Now() or FromNow().
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    kinds = tuple((name, _kind(value)) for name, value in changes.items())
    shape = (database.vendor, model, tuple(where), kinds)
    statement = _built.get(shape)
    if statement is None:
        statement = _built[shape] = _build_update(database, model, where, kinds)
    values = {f"where {name}": value for name, value in where.items()}
    for name, value in changes.items():
        values[name] = value.span if type(value) is FromNow else value
    with database.cursor() as cursor:
        cursor.execute(statement.sql, statement.bind(database, values))
        changed: int = cursor.rowcount
    return changed


def first(rows: Callable[..., QuerySet[Row]], **values: Any) -> Row | None:
    """The first of `rows(**values)`, whose SQL may not depend on the values, or None."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    shape = (database.vendor, rows, *values)
    built = _built.get(shape)
    if built is None:
        built = _built[shape] = _Select(database, rows(**_slots(values))[:1])
    found: Row | None = built.first(database, values)
    return found


class _Select:
    def __init__(self, database: Any, queryset: QuerySet[Any]) -> None:
        compiler = queryset.query.get_compiler(connection=database)
        self._statement = Statement(*compiler.as_sql())
        self._model = queryset.model
        columns = [expression for expression, _, _ in compiler.select]
        self._names = [expression.target.attname for expression in columns]
        self._converters = list(compiler.get_converters(columns).items())

    def first(self, database: Any, values: Mapping[str, Any]) -> Any:
        with database.cursor() as cursor:
            cursor.execute(self._statement.sql, self._statement.bind(database, values))
            row = cursor.fetchone()
        return row and self._row(database, row)

    def _row(self, database: Any, row: Sequence[Any]) -> Any:
        fields = list(row)
        for at, (converters, expression) in self._converters:
            for convert in converters:
                fields[at] = convert(fields[at], expression, database)
        return self._model.from_db(DEFAULT_DB_ALIAS, self._names, fields)


def _slots(values: Mapping[str, Any]) -> dict[str, Slot]:
    """Bound as the databases want values of these types."""
    return {name: Slot(name, _FIELDS.get(type(value), Field())) for name, value in values.items()}


def _kind(value: Any) -> type | None:
    kind = type(value)
    if kind is Now or kind is FromNow:
        return kind
    if hasattr(value, "resolve_expression"):
        raise TypeError(f"not a value to bind: {value!r}")
    return None


def _build_update(
    database: Any,
    model: type[Model],
    where: Mapping[str, Any],
    kinds: Sequence[tuple[str, type | None]],
) -> Statement:
    fields: Any = {field.name: field for field in model._meta.fields} | {"pk": model._meta.pk}
    equal = {name: Slot(f"where {name}", fields[name]) for name in where}
    changes: dict[str, Any] = {}
    for name, kind in kinds:
        if kind is None:
            changes[name] = Slot(name, fields[name])
        else:
            changes[name] = Now() + Slot(name, DurationField()) if kind is FromNow else Now()
    return _updating(database, model._base_manager.filter(**equal), changes)


def _updating(database: Any, queryset: QuerySet[Any], changes: Mapping[str, Any]) -> Statement:
    query: Any = queryset.query.chain(UpdateQuery)
    query.add_update_values(changes)
    return Statement(*query.get_compiler(connection=database).as_sql())


_FIELDS: dict[type, Any] = {
    Decimal: DecimalField(),
    UUID: UUIDField(),
    datetime: DateTimeField(),
}
_built: dict[Hashable, Any] = {}
