"""What it costs that the database checks foreign keys, table by table: a part of
tests/benchmarks/levers.py. Nothing that is written here stays."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.benchmarks.compared import Lever, compared
from tests.benchmarks.dashboard import SERIES


def constraints(rows: int, rounds: int) -> Iterator[Lever]:
    from django.db import connection

    from core import models

    is_sqlite = connection.vendor == "sqlite"
    key = "'f' || printf('%031x', n)" if is_sqlite else "md5(n::text)::uuid"
    ids: dict[str, Any] = {"customer": models.Customer, "site": models.Site, "order": models.Order}
    some = {name: model.objects.values_list("pk", flat=True)[0] for name, model in ids.items()}
    event = {"order_id": some["order"], "to_status": 1}
    values: dict[Any, dict[str, Any]] = {
        models.Order: {
            "oid": "'x' || n",
            "url": "'x'",
            "video_id": "'x' || n",
            "count": 1,
            "price": 1,
            "unit_price": 1,
            "customer_id": some["customer"],
            "site_id": some["site"],
            "status": 3,
            "request_key": key,
        },
        models.LedgerEntry: {
            "kind": 3,
            "customer_id": some["customer"],
            "order_id": some["order"],
            "amount": 1,
            "balance_after": 5,
            "reference": "'x' || n",
        },
        models.OrderEvent: event,
        models.CounterReading: {"order_id": some["order"], "views": 1, "done": 1},
        models.SiteCheck: {"site_id": some["site"], "outcome": 1},
        models.ChargeRecord: {"customer_id": some["customer"], "amount": 1},
    }
    for model, columns in values.items():
        insert = _insert(model, columns, rows)
        yield compared(
            f"db_constraint=False: {model._meta.db_table}",
            partial(_rolled_back, insert, checked=True),
            partial(_rolled_back, insert, checked=False),
            rounds,
            rows,
        )


def _insert(model: Any, values: dict[str, Any], rows: int) -> str:
    """One statement that writes so many rows; what is not named gets its default."""
    from django.db import connection

    values = {"id": "n + 1000000000", **values}  # nobody else's
    for field in model._meta.concrete_fields:
        if field.column in values or field.null:
            continue
        if field.get_internal_type() == "DateTimeField":
            values[field.column] = "CURRENT_TIMESTAMP"
            continue
        if field.has_db_default():
            continue
        default = field.get_default()
        if field.get_internal_type() == "JSONField":
            values[field.column] = f"'{json.dumps(default)}'"
        elif isinstance(default, bool):
            values[field.column] = str(default).upper()
        elif isinstance(default, str) or default is None:
            is_number = "Integer" in field.get_internal_type()
            values[field.column] = "0" if is_number else f"'{default or ''}'"
        else:
            values[field.column] = str(default)
    names = ", ".join(f'"{name}"' for name in values)
    chosen = ", ".join(str(value) for value in values.values())
    series, into = (
        SERIES[connection.vendor].format(count=rows),
        f"INSERT INTO {model._meta.db_table}",
    )
    if connection.vendor == "postgresql":
        return f"{into} ({names}) {series} SELECT {chosen} FROM s"
    return f"{series} {into} ({names}) SELECT {chosen} FROM s"


def _rolled_back(statement: str, *, checked: bool) -> None:
    from django.db import connection, transaction

    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if is_sqlite:
            cursor.execute(f"PRAGMA foreign_keys = {'ON' if checked else 'OFF'}")
        with transaction.atomic():
            if not is_sqlite:
                cursor.execute(
                    "SET CONSTRAINTS ALL IMMEDIATE"
                    if checked
                    else "SET LOCAL session_replication_role = replica"
                )
            cursor.execute(statement)
            transaction.set_rollback(True)
        if is_sqlite:
            cursor.execute("PRAGMA foreign_keys = ON")
