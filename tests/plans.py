"""Whether the database reads a large table from end to end, by its own word."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext

# Tables that grow with the business.
LARGE = ("core_order", "core_ledgerentry", "core_orderevent", "core_counterreading")
# Partial indexes: of open orders, of workable ones, of those with a remark.
OF_FEW_ROWS = ("order_one_a_video", "order_due", "order_remarks")


def assert_no_table_is_read_whole(queries: CaptureQueriesContext) -> None:
    """Ask for the plan of every SELECT of large tables that was captured. PostgreSQL is told to
    prefer indexes, as it would with many rows: what is then still read whole has none."""
    asked = [
        query["sql"]
        for query in queries.captured_queries
        if query["sql"].startswith("SELECT") and re.search(rf'"({"|".join(LARGE)})"', query["sql"])
    ]
    assert asked, "no large table was asked"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")
        for sql in asked:
            cursor.execute(("EXPLAIN " if is_postgres() else "EXPLAIN QUERY PLAN ") + sql)
            plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
            assert not whole(plan), f"{sql}\n{plan}"
        if is_postgres():
            cursor.execute("RESET enable_seqscan")


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def whole(plan: str) -> bool:
    """A scan of a large table that no condition on an index limits, unless a LIMIT ends it."""
    lines = plan.splitlines()
    if not is_postgres():
        return any(re.match(rf"SCAN ({'|'.join(LARGE)})\b", line.strip()) for line in lines)
    if any("Limit" in line for line in lines):
        return False
    scans = rf"Scan.* on ({'|'.join(LARGE)})\b|Bitmap Index Scan on "
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.search(scans, line) and "Bitmap Heap" not in line:
            few = any(name in line for name in OF_FEW_ROWS)
            if "Seq Scan" in line or not (few or "Index Cond" in following):
                return True
    return False
