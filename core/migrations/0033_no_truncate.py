"""TRUNCATE is refused as UPDATE and DELETE are, on the tables that are only added to. SQLite knows no
such command: there a DELETE of all rows is one of each row, which its triggers see."""

from django.db import migrations

TABLES = (
    *("core_ledgerentry", "core_chargerecord", "core_orderevent"),
    *("core_message", "core_fieldchange"),
)


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION core_append_only()"
            )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")


class Migration(migrations.Migration):
    dependencies = [("core", "0032_roles")]
    operations = [migrations.RunPython(create, drop)]
