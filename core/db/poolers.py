"""What stands between the office and PostgreSQL may lend one session of the server to many clients,
from transaction to transaction: PgBouncer with `pool_mode = transaction`. Then what a session was
told holds for somebody else, and a list that a cursor of the server reads ends in the middle."""

import secrets
from contextlib import closing
from typing import Any

# Who else is at work may take the session that we look for.
LOOKS = 3
MARK = "SELECT set_config('office.mark', %s, false)"
READ = "SELECT current_setting('office.mark', true)"
REFUSED = (
    "DATABASE_URL leads through a pooler that lends sessions from transaction to transaction: set "
    "pool_mode = session there"
)


def lends_sessions(connection: Any) -> bool:
    """By two connections beside: what one's session was told the other one reads, or the first one
    no more."""
    if connection.vendor != "postgresql":
        return False
    with closing(connection.copy()) as one, closing(connection.copy()) as other:
        return any(_meet(one, other) for _look in range(LOOKS))


def _meet(one: Any, other: Any) -> bool:
    mark = secrets.token_hex(8)
    _ask(one, MARK, mark)
    other.set_autocommit(False)  # keeps the session that it is given
    try:
        return _ask(other, READ) == mark or _ask(one, READ) != mark
    finally:
        other.rollback()
        other.set_autocommit(True)


def _ask(connection: Any, query: str, *values: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]
