"""Finding orders by a part of their video's address, whatever part it is.

PostgreSQL keeps an index of the three-letter pieces of each address itself (pg_trgm). SQLite has
FTS5 for it, but kept order by order it would cost each 0.6 ms (measured), more than all else that
is written for one. So its index is behind: `catch_up()` brings it forward some thousand orders at
a time, at 0.02 ms each, in the consumers' sweep; the orders since then are read.
"""

from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL


PIECE = 3  # letters; what is shorter is in no index
# More pieces find no fewer orders to speak of and take longer.
PIECES = 3
BATCH = 5_000
# So few are read as fast as they are found, and an index made of crumbs is slow.
WORTH_A_BATCH = 1_000

INDEXED = "SELECT coalesce(max(id), 0) FROM core_order_address_docsize"


def containing(part: str, newest: int | None = None) -> Q | None:
    """Orders whose address contains `part`, in any case; None where it is too short to look for.
    `newest`: of more orders than this that may do, only the newest are looked at."""
    if len(part) < PIECE:
        return None
    found = Q(url__icontains=part)
    if connection.vendor == "postgresql":
        return found
    limit = -1 if newest is None else newest
    return found & Q(
        pk__in=RawSQL(
            "SELECT * FROM (SELECT rowid FROM core_order_address "
            "WHERE core_order_address MATCH %s ORDER BY rowid DESC LIMIT %s) "
            f"UNION ALL SELECT id FROM core_order WHERE id > ({INDEXED})",  # noqa: S608
            [" AND ".join(map(quoted, telling_pieces(part))), limit],
            output_field=models.BigAutoField(),
        )
    )


def telling_pieces(part: str) -> list[str]:
    """The pieces that few addresses have: those with digits, and the end rather than the start."""
    last = {part[at : at + PIECE]: at for at in range(len(part) - PIECE + 1)}
    ranked = sorted(last, key=lambda piece: (any(map(str.isdigit, piece)), last[piece]))
    return ranked[-PIECES:]


def quoted(piece: str) -> str:
    return '"' + piece.replace('"', '""') + '"'


def catch_up(batches: int | None = 20) -> int:
    """Take the newest orders into SQLite's index, at most so many batches of them; how many."""
    if connection.vendor != "sqlite":
        return 0
    taken = 0
    while batches is None or taken < batches * BATCH:
        some = _next_batch()
        taken += some
        if some < BATCH:
            break
    return taken


def _next_batch() -> int:
    with connection.cursor() as cursor:
        waiting = f"SELECT 1 FROM core_order WHERE id > ({INDEXED}) LIMIT {WORTH_A_BATCH}"  # noqa: S608
        cursor.execute(f"SELECT count(*) FROM ({waiting})")  # noqa: S608
        if cursor.fetchone()[0] < WORTH_A_BATCH:
            return 0
        # Each in a transaction of its own: others want to write as well.
        with transaction.atomic():
            cursor.execute(
                "INSERT INTO core_order_address (rowid, url) "
                f"SELECT id, url FROM core_order WHERE id > ({INDEXED}) "  # noqa: S608
                f"ORDER BY id LIMIT {BATCH}"
            )
            return int(cursor.rowcount)


