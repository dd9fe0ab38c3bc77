"""Whether the database reads a large table from end to end, by its own word.

Plans are asked for with the parameters apart, as the statements are sent: SQLite takes another
index where it sees the values.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

# Tables that grow with the business.
LARGE = (
    *("core_order", "core_ledgerentry", "core_chargerecord", "core_customer", "core_orderevent"),
    *("core_counterreading", "core_sitecheck", "core_conversation", "core_message"),
    *("core_user", "django_admin_log"),
)
# Partial indexes: of open orders, of workable ones, of those with a remark.
OF_FEW_ROWS = ("order_one_a_video", "order_open_customer", "order_due", "order_remarks")


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement as it was sent."""

    sql: str
    parameters: Any

    @property
    def is_of_a_large_table(self) -> bool:
        tables = "|".join(LARGE)
        return self.sql.startswith("SELECT") and bool(re.search(rf'"({tables})"', self.sql))

    def plan(self) -> str:
        explain = "EXPLAIN " if is_postgres() else "EXPLAIN QUERY PLAN "
        with connection.cursor() as cursor:
            cursor.execute(explain + self.sql, self.parameters)
            return "\n".join(str(row[-1]) for row in cursor.fetchall())


@contextmanager
def listening() -> Iterator[list[Asked]]:
    """All statements that are sent meanwhile."""
    heard: list[Asked] = []

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        heard.append(Asked(sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield heard


def assert_no_table_is_read_whole(asked: list[Asked]) -> None:
    """Ask for the plan of every SELECT of large tables. PostgreSQL is told to prefer indexes, as
    it would with many rows: what is then still read whole has none."""
    of_large = [one for one in asked if one.is_of_a_large_table]
    assert of_large, "no large table was asked"
    with connection.cursor() as cursor:
        if is_postgres():
            cursor.execute("SET enable_seqscan = off")
        for one in of_large:
            plan = one.plan()
            assert not whole(plan), f"{one.sql}\n{plan}"
        if is_postgres():
            cursor.execute("RESET enable_seqscan")


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def scans(plan: str) -> list[str]:
    """Large tables that are read themselves, and not by an index."""
    tables = "|".join(LARGE)
    if is_postgres():
        return re.findall(rf"Seq Scan on (?:{tables})\b", plan)
    return re.findall(rf"^SCAN (?:{tables})(?! USING)\b.*", plan, re.MULTILINE)


def whole(plan: str) -> bool:
    """A scan of a large table that no condition on an index limits, unless a LIMIT ends it."""
    lines = plan.splitlines()
    if not is_postgres():
        return any(re.match(rf"SCAN ({'|'.join(LARGE)})\b", line.strip()) for line in lines)
    if any("Limit" in line for line in lines):
        return False
    scanned = rf"Scan.* on ({'|'.join(LARGE)})\b|Bitmap Index Scan on "
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.search(scanned, line) and "Bitmap Heap" not in line:
            few = any(name in line for name in OF_FEW_ROWS)
            if "Seq Scan" in line or not (few or "Index Cond" in following):
                return True
    return False
