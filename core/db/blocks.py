"""Many rows changed by one statement, each to values of its own and each only while it is still as
expected. The rows travel as one JSON parameter, whatever their number.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, models


class Later:
    """As a value: the database's own clock and so much more."""

    def __init__(self, delta: timedelta) -> None:
        self.seconds = delta.total_seconds()

    @property
    def sql(self) -> str:
        if connection.vendor == "postgresql":
            return f"STATEMENT_TIMESTAMP() + INTERVAL '{self.seconds} seconds'"
        return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '{self.seconds:+} seconds')"


def update_block(
    model: type[models.Model],
    rows: Sequence[Mapping[str, Any]],
    *,
    matching: Collection[str],
    everywhere: Mapping[str, Later],
    returning: Sequence[str],
) -> dict[int, tuple[Any, ...]]:
    """UPDATE each row by its "id" where its `matching` columns say what the row does, to its other
    values; all rows have the same names. Returns the `returning` columns of the rows that were
    changed, by id: who is missing did not match."""
    if not rows:
        return {}
    fields = {field.name: field for field in model._meta.fields}
    names = list(rows[0])
    table, vendor = model._meta.db_table, connection.vendor
    given = [[row[name] for name in names] for row in rows]
    if vendor == "postgresql":
        kinds = ", ".join(f'"{name}" {fields[name].rel_db_type(connection)}' for name in names)
        source = f"json_to_recordset(%s) AS given({kinds})"
        value = {name: f'given."{name}"' for name in names}
        payload = json.dumps([dict(zip(names, row, strict=True)) for row in given])
    else:
        source = "json_each(%s) AS given"
        value = {name: f"json_extract(given.value, '$[{i}]')" for i, name in enumerate(names)}
        payload = json.dumps(given)
    settings = [
        f'"{fields[name].column}" = {value[name]}'
        for name in names
        if name != "id" and name not in matching
    ]
    settings += [f'"{fields[name].column}" = {later.sql}' for name, later in everywhere.items()]
    where = [f'"{table}"."{fields[name].column}" = {value[name]}' for name in ("id", *matching)]
    back = ", ".join(f'"{table}"."{fields[name].column}"' for name in ("id", *returning))
    statement = (
        f'UPDATE "{table}" SET {", ".join(settings)} FROM {source} '  # noqa: S608
        f"WHERE {' AND '.join(where)} RETURNING {back}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [payload])
        return {row[0]: row[1:] for row in cursor.fetchall()}
