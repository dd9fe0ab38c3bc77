"""Statements that Django builds once and the database runs often.

To build a statement costs Django several times what the database needs to run it, and a sale and a
delivery run the same two dozen for every order. Here each *shape* (table, columns, which values the
database computes itself) is built once a process by Django's own compiler; from then on only values
are bound, by their fields' own rules. What reaches the database is what `filter().update()`,
`bulk_create()` and `filter().first()` would send: tests/test_statements.py holds them together.

A function that says what is asked (`rows`) is part of the shape: pass one that stays, such as a
function of a module or a manager's `filter`, not one made for each call.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
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
from django.db.models.sql import InsertQuery, UpdateQuery

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


def change(rows: Callable[..., tuple[QuerySet[Any], Mapping[str, Any]]], **values: Any) -> int:
    """Run an UPDATE that computes: `rows(**values)` says of which rows and what; how many they
    were."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    shape = (database.vendor, rows)
    statement = _built.get(shape)
    if statement is None:
        queryset, changes = rows(**_slots(values))
        statement = _built[shape] = _updating(database, queryset, changes)
    with database.cursor() as cursor:
        cursor.execute(statement.sql, statement.bind(database, values))
        changed: int = cursor.rowcount
    return changed


def insert(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows, all with values for the same fields; other fields need a default of the database's
    or may be null."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    names = tuple(rows[0])
    shape = (database.vendor, model, names, len(rows))
    statement = _built.get(shape)
    if statement is None:
        statement = _built[shape] = _build_insert(database, model, names, len(rows))
    values = {f"{name} {at}": row[name] for at, row in enumerate(rows) for name in names}
    with database.cursor() as cursor:
        cursor.execute(statement.sql, statement.bind(database, values))


def add(row: Model) -> None:
    """What row.save(force_insert=True) does for a row of one table that was made just now."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    meta = row._meta
    shape = (database.vendor, type(row))
    statement = _built.get(shape)
    if statement is None:
        names = [field.name for field in meta.concrete_fields if not field.primary_key]
        statement = _built[shape] = _build_insert(database, type(row), names, 1, [meta.pk])
    values = {f"{field.name} 0": field.pre_save(row, True) for field in meta.concrete_fields}
    with database.cursor() as cursor:
        cursor.execute(statement.sql, statement.bind(database, values))
        if database.features.can_return_columns_from_insert:
            row.pk = cursor.fetchone()[0]
        else:
            row.pk = cursor.lastrowid
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def first(rows: Callable[..., QuerySet[Row]], **values: Any) -> Row | None:
    """The first of `rows(**values)`, whose SQL may not depend on the values, or None."""
    return next(iter(every(rows, 1, **values)), None)


def every(rows: Callable[..., QuerySet[Row]], most: int | None = None, **values: Any) -> list[Row]:
    """All of `rows(**values)`, such as a manager's `filter`; or so many of them."""
    database: Any = connections[DEFAULT_DB_ALIAS]
    shape = (database.vendor, rows, most, *values)
    built = _built.get(shape)
    if built is None:
        built = _built[shape] = _Select(database, rows(**_slots(values))[:most])
    found: list[Row] = built.rows(database, values)
    return found


class _Select:
    def __init__(self, database: Any, queryset: QuerySet[Any]) -> None:
        compiler = queryset.query.get_compiler(connection=database)
        self._statement = Statement(*compiler.as_sql())
        self._model = queryset.model
        columns = [expression for expression, _, _ in compiler.select]
        self._names = [expression.target.attname for expression in columns]
        self._converters = list(compiler.get_converters(columns).items())

    def rows(self, database: Any, values: Mapping[str, Any]) -> list[Any]:
        with database.cursor() as cursor:
            cursor.execute(self._statement.sql, self._statement.bind(database, values))
            rows = cursor.fetchall()
        return [self._row(database, row) for row in rows]

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


def _build_insert(
    database: Any,
    model: type[Model],
    names: Sequence[str],
    count: int,
    returned: Sequence[Any] = (),
) -> Statement:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    rows: list[Any] = [
        SimpleNamespace(**{field.attname: Slot(f"{field.name} {at}", field) for field in fields})
        for at in range(count)
    ]
    query = InsertQuery(model)
    query.insert_values(fields, rows, raw=True)
    compiler = query.get_compiler(connection=database)
    compiler.returning_fields = list(returned)
    ((sql, parameters),) = compiler.as_sql()
    return Statement(sql, parameters)


_FIELDS: dict[type, Any] = {
    Decimal: DecimalField(),
    UUID: UUIDField(),
    datetime: DateTimeField(),
}
_built: dict[Hashable, Any] = {}
