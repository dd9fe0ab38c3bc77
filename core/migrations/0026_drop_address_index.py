"""SQLite's index of addresses, which the consumers kept by hand. At the 200,000 orders that SQLite
is for, the addresses themselves are read in less than a tenth of a second. PostgreSQL keeps its own.

Backwards the table is made again, empty: the consumers of the older version fill it.
"""

from importlib import import_module

from django.db import migrations

ADDRESSES = import_module("core.migrations.0017_listings").ADDRESSES


def run_on_sqlite(statement):
    def run(apps, schema_editor):
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(statement)

    return run


class Migration(migrations.Migration):
    dependencies = [("core", "0025_reason_codes")]
    operations = [
        migrations.RunPython(
            run_on_sqlite("DROP TABLE IF EXISTS core_order_address"), run_on_sqlite(ADDRESSES)
        )
    ]
