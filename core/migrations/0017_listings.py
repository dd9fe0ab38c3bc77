"""Indexes that the lists are read by, in place of others that nothing is.

A field that loses its index is changed in the state alone and its index dropped by hand: SQLite
would make the table anew, and the triggers that keep its rows from change would be lost with it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

UNUSED = (("Order", "site_id"), ("LedgerEntry", "create_date"), ("LedgerEntry", "creator_id"))
ADDRESSES = (
    "CREATE VIRTUAL TABLE core_order_address USING fts5("
    "url, content='core_order', content_rowid='id', tokenize='trigram', detail=none)"
)


def drop_unused(apps, schema_editor):
    connection = schema_editor.connection
    for name, column in UNUSED:
        table = apps.get_model("core", name)._meta.db_table
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
        for index, about in found.items():
            if about["columns"] == [column] and about["index"] and not about["unique"]:
                schema_editor.execute(f'DROP INDEX "{index}"')


def make_unused(apps, schema_editor):
    for name, column in UNUSED:
        table = apps.get_model("core", name)._meta.db_table
        schema_editor.execute(f'CREATE INDEX "{table}_{column}" ON "{table}" ("{column}")')


def index_addresses(apps, schema_editor):
    """SQLite's was filled by the consumers, until 0028 dropped it."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(ADDRESSES)
        return
    schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    schema_editor.execute(
        "CREATE INDEX order_address_part ON core_order USING gin (upper(url) gin_trgm_ops)"
    )


def drop_addresses(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE core_order_address")
        return
    schema_editor.execute("DROP INDEX order_address_part")


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0016_bulk_jobs'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='order',
                    name='site',
                    field=models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='core.site', verbose_name='site'),
                ),
                migrations.AlterField(
                    model_name='ledgerentry',
                    name='create_date',
                    field=models.DateTimeField(auto_now_add=True, verbose_name='created'),
                ),
                migrations.AlterField(
                    model_name='ledgerentry',
                    name='creator',
                    field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='creator'),
                ),
            ],
            database_operations=[migrations.RunPython(drop_unused, make_unused)],
        ),
        migrations.RemoveIndex(model_name='order', name='order_status_created'),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['status', 'create_date', 'id', 'site'], name='order_status_created'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['site', 'create_date', 'id'], name='order_site_created'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['price', 'create_date', 'id'], name='order_price'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['create_date', 'id'], name='ledger_created'),
        ),
        migrations.AddIndex(
            model_name='ledgerentry',
            index=models.Index(fields=['kind', 'create_date', 'id'], name='ledger_kind_created'),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(condition=models.Q(('active', False)), fields=['id'], name='customer_inactive'),
        ),
        migrations.RunPython(index_addresses, drop_addresses),
    ]
