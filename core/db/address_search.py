"""Finding orders by a part of their video's address, whatever part it is.

PostgreSQL keeps an index of the three-letter pieces of each address itself (pg_trgm). SQLite has
FTS5 for it, but kept order by order it would cost each 0.6 ms (measured), more than all else that
is written for one. So its index is behind: `catch_up()` brings it forward some thousand orders at
a time, at 0.02 ms each, in the consumers' sweep; the orders since then are read.
"""

from django.db import connection, models, transaction
from django.db.models import Q, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import StrIndex, Upper
from django.db.models.lookups import GreaterThan

PIECE = 3  # letters; what is shorter is in no index
# So many are enough to begin with: more of them take longer and hardly find less.
PIECES = 3
BATCH = 5_000
# PostgreSQL goes through the lists of all pieces it is given; the end of an address says most.
TAIL = 8
# So few are read as fast as they are found, and an index made of crumbs is slow.
WORTH_A_BATCH = 1_000

# The orders since the last one that is in the index, and those that the index has.
SINCE = "id > (SELECT coalesce(max(id), 0) FROM core_order_address_docsize)"
CANDIDATES = f"""
    SELECT * FROM (
        SELECT rowid FROM core_order_address WHERE core_order_address MATCH %s
        ORDER BY rowid DESC LIMIT %s
    ) UNION ALL SELECT id FROM core_order WHERE {SINCE}
"""  # noqa: S608
MORE = (
    "SELECT count(*) FROM (SELECT 1 FROM core_order_address "
    "WHERE core_order_address MATCH %s LIMIT %s)"
)
WAITING = f"SELECT count(*) FROM (SELECT 1 FROM core_order WHERE {SINCE} LIMIT %s)"  # noqa: S608
TAKE = f"""
    INSERT INTO core_order_address (rowid, url)
    SELECT id, url FROM core_order WHERE {SINCE} ORDER BY id LIMIT %s
"""  # noqa: S608


def containing(part: str, newest: int | None = None) -> Q | None:
    """Orders whose address contains `part`, in any case; None where it is too short to look for.
    `newest`: of more orders than this that may do, only the newest are looked at."""
    if len(part) < PIECE:
        return None
    if connection.vendor == "postgresql":
        return Q(url__icontains=part[-TAIL:]) & Q(holds(part))
    found = Q(url__icontains=part)
    pieces = telling_pieces(part)
    match, limit = matching(pieces[-PIECES:]), -1
    if newest is not None and are_more(match, newest):
        match, limit = matching(pieces), newest
    candidates = RawSQL(CANDIDATES, [match, limit], output_field=models.BigAutoField())  # noqa: S611
    return found & Q(pk__in=candidates)


def are_cut(part: str, newest: int) -> bool:
    """Whether `containing(part, newest)` may leave some out."""
    if len(part) < PIECE or connection.vendor == "postgresql":
        return False
    pieces = telling_pieces(part)
    # Three lists of an index are gone through sooner than twenty.
    return all(are_more(matching(some), newest) for some in (pieces[-PIECES:], pieces))


def holds(part: str) -> GreaterThan:
    """What icontains says, without an index."""
    return GreaterThan(StrIndex(Upper("url"), Upper(Value(part))), 0)


def are_more(match: str, number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(MORE, [match, number + 1])
        return bool(cursor.fetchone()[0] > number)


def matching(pieces: list[str]) -> str:
    """As FTS5 wants it."""
    return " AND ".join('"' + piece.replace('"', '""') + '"' for piece in pieces)


def telling_pieces(part: str) -> list[str]:
    """Those that few addresses have last: those with digits, and the end rather than the start."""
    last = {part[at : at + PIECE]: at for at in range(len(part) - PIECE + 1)}
    return sorted(last, key=lambda piece: (any(map(str.isdigit, piece)), last[piece]))


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
        cursor.execute(WAITING, [WORTH_A_BATCH])
        if cursor.fetchone()[0] < WORTH_A_BATCH:
            return 0
        # Each in a transaction of its own: others want to write as well.
        with transaction.atomic():
            cursor.execute(TAKE, [BATCH])
            return int(cursor.rowcount)
