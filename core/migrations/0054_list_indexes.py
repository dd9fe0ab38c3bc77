"""Indexes of what the list of orders is filtered and searched by: who placed them, the last digits
of their numbers, and words anywhere in their customers' names."""

from django.db import migrations, models
from django.db.models import F, Q

from core.db.lookups import Ending
from core.db.online import AddIndex, make_index

BY_PARTS = (
    "CREATE INDEX customer_name_part ON core_customer USING gin (upper(username) gin_trgm_ops)"
)


def index_names(apps, schema_editor):
    """As of addresses: SQLite reads the column."""
    if schema_editor.connection.vendor == "postgresql":
        make_index(schema_editor, BY_PARTS, "customer_name_part")


def drop_names(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX customer_name_part")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0053_video_titles")]
    operations = [
        AddIndex(
            "order",
            models.Index(fields=["creator", "create_date", "id"], name="order_creator_created"),
        ),
        AddIndex(
            "order", models.Index(Ending("oid"), F("id").desc(), name="order_number_end")
        ),
        AddIndex(
            "user", models.Index(fields=["username"], name="user_staff", condition=Q(is_staff=True))
        ),
        migrations.RunPython(
            index_names, drop_names, atomic=False, hints={"quick": "made beside the writers"}
        ),
    ]
