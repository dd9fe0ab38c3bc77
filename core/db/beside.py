"""Rows that others see before the transaction that is open here ends."""

from typing import Any

from django.db import connection


class BesideConnection:
    """Another connection to the database, opened when needed. Not for SQLite inside a transaction,
    which holds the only write lock."""

    def __init__(self) -> None:
        self.other: Any = None

    def put(self, table: str, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Insert a row, or change the one with this key; both by column names."""
        columns = {**key, **values}
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join(["%s"] * len(columns))
        unique = ", ".join(f'"{name}"' for name in key)
        changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in values)
        with self._open().cursor() as cursor:
            cursor.execute(
                f'INSERT INTO "{table}" ({names}) VALUES ({marks}) '  # noqa: S608
                f"ON CONFLICT ({unique}) DO UPDATE SET {changes}",
                list(columns.values()),
            )

    def close(self) -> None:
        if self.other is not None:
            self.other.close()
            self.other = None

    def _open(self) -> Any:
        if not connection.in_atomic_block:
            return connection
        if self.other is None:
            self.other = connection.copy()
        return self.other
