"""PgBouncer with `pool_mode = transaction` lends a server's session to many clients, one
transaction each. A setting of the session then reaches another client, and a server-side cursor
breaks off."""

import secrets
from contextlib import closing
from typing import Any

# Others at work may take the session that we look for.
LOOKS = 3
MARK = "SELECT set_config('office.mark', %s, false)"
READ = "SELECT current_setting('office.mark', true)"
REFUSED = (
    "DATABASE_URL leads through a pooler that lends sessions from transaction to transaction: set "
    "pool_mode = session there"
)


def lends_sessions(connection: Any) -> bool:
    """Whether another connection reads what a session was told, or its own no longer does."""
    if connection.vendor != "postgresql":
        return False
    with closing(connection.copy()) as one, closing(connection.copy()) as other:
        return any(_meet(one, other) for _look in range(LOOKS))


def _meet(one: Any, other: Any) -> bool:
    mark = secrets.token_hex(8)
    _ask(one, MARK, mark)
    other.set_autocommit(False)  # keeps its session
    try:
        return _ask(other, READ) == mark or _ask(one, READ) != mark
    finally:
        other.rollback()
        other.set_autocommit(True)


def _ask(connection: Any, query: str, *values: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]
