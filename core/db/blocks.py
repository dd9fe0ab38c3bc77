"""Many rows, each with its own values, in one statement. They travel as one JSON parameter: a model
object or a CASE for each row costs more than the database's own work."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models import Case, Value, When
from django.db.models.functions import Cast

from core.db.clock import moment

Thing = TypeVar("Thing")

# Rows of a statement: SQLite searches all of them for each row.
BLOCK = 1_000


def in_blocks(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    rest = iter(things)
    while some := list(islice(rest, size)):
        yield some


class ById(models.Func):
    """A value for update(): what stands under the row's id, as the field stores it."""

    def __init__(self, field: "models.Field[Any, Any]", values: Mapping[int, Any]) -> None:
        super().__init__(models.F("pk"), output_field=field)
        self.values = values

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"JSON_EXTRACT(%s, '$.\"' || {sql} || '\"')", [self._payload(connection), *params]

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        sql, params = compiler.compile(self.source_expressions[0])
        kind = self.output_field.db_type(connection)
        return f"(%s::jsonb ->> {sql}::text)::{kind}", [self._payload(connection), *params]

    def _payload(self, connection: Any) -> str:
        values = {pk: self._plain(value, connection) for pk, value in self.values.items()}
        return json.dumps(values, default=str)

    def _plain(self, value: Any, connection: Any) -> Any:
        if value is not None and isinstance(self.output_field, models.JSONField):
            return json.dumps(value)
        return self.output_field.get_db_prep_save(value, connection)


def values_by_id(
    model: type[models.Model], rows: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    """Arguments for one update() that writes these values by id; all rows have the same names. A
    value that all rows share is given once."""
    first = next(iter(rows.values()))
    return {
        name: value
        if all(values[name] == value for values in rows.values())
        else _by_id(model._meta.get_field(name), {pk: values[name] for pk, values in rows.items()})
        for name, value in first.items()
    }


def update_by_id(model: type[models.Model], rows: Mapping[int, Mapping[str, Any]]) -> None:
    """Write these values by id, however many; all rows have the same names."""
    for some in in_blocks(rows, BLOCK):
        changes = values_by_id(model, {pk: rows[pk] for pk in some})
        model._default_manager.filter(pk__in=some).update(**changes)


def _by_id(field: Any, values: Mapping[int, Any]) -> ById | Cast:
    if not any(map(is_expression, values.values())):
        return ById(field, values)
    cases = (
        When(pk=pk, then=value if is_expression(value) else Value(value, output_field=field))
        for pk, value in values.items()
    )
    return Cast(Case(*cases, output_field=field), output_field=field)


def is_expression(value: Any) -> bool:
    return hasattr(value, "resolve_expression")


def now_plus(delta: timedelta) -> str:
    """SQL for the database's clock plus `delta`."""
    seconds = delta.total_seconds()
    if connection.vendor == "postgresql":
        return f"STATEMENT_TIMESTAMP() + INTERVAL '{seconds} seconds'"
    return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '{seconds:+} seconds')"


def update_block(
    model: type[models.Model],
    rows: Sequence[Mapping[str, Any]],
    *,
    matching: Collection[str],
    everywhere: Mapping[str, str],
    returning: Sequence[str],
) -> dict[int, tuple[Any, ...]]:
    """UPDATE rows by "id" if their `matching` columns still have the given values. Sets the other
    values, and the columns in `everywhere` to their SQL; all rows have the same names. Returns, by
    id, the `returning` columns of the changed rows: a missing id did not match."""
    if not rows:
        return {}
    names = list(rows[0])
    fields, value, source = _given(model, names)
    table = model._meta.db_table
    settings = [
        f'"{fields[name].column}" = {value[name]}'
        for name in names
        if name != "id" and name not in matching
    ]
    settings += [f'"{fields[name].column}" = {sql}' for name, sql in everywhere.items()]
    where = [f'"{table}"."{fields[name].column}" = {value[name]}' for name in ("id", *matching)]
    back = ", ".join(f'"{table}"."{fields[name].column}"' for name in ("id", *returning))
    statement = (
        f'UPDATE "{table}" SET {", ".join(settings)} FROM {source} '  # noqa: S608
        f"WHERE {' AND '.join(where)} RETURNING {back}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows)])
        return {row[0]: row[1:] for row in cursor.fetchall()}


def insert_block(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """INSERT rows in this order, with the moment; all have the same names. For the hundreds of rows
    of a round or a step: one statement, no defaults. tables.insert() takes the thousands of an
    upload."""
    if not rows:
        return
    names = list(rows[0])
    fields, value, source = _given(model, names)
    columns = ", ".join(f'"{fields[name].column}"' for name in (*names, "create_date"))
    values = ", ".join([*(value[name] for name in names), moment()])
    statement = f'INSERT INTO "{model._meta.db_table}" ({columns}) SELECT {values} FROM {source}'  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows)])


def _given(
    model: type[models.Model], names: Sequence[str]
) -> tuple[dict[str, Any], dict[str, str], str]:
    """Fields by name, SQL by name for each value, and SQL for the rows as JSON."""
    fields = {field.name: field for field in model._meta.fields}
    if connection.vendor == "postgresql":
        kinds = ", ".join(f'"{name}" {fields[name].rel_db_type(connection)}' for name in names)
        value = {name: f'given."{name}"' for name in names}
        return fields, value, f"json_to_recordset(%s) AS given({kinds})"
    value = {name: f"json_extract(given.value, '$.{name}')" for name in names}
    return fields, value, "json_each(%s) AS given"
