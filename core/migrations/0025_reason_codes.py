"""Why something happened, as a code with parameters beside the text that rows had before.

To add a column that may not be null, Django makes a table of SQLite anew, and with it go the
triggers that keep events from being changed. SQLite adds one with a constant default in place.
"""

from django.db import migrations, models

ROWS = (
    ("order", "attention"),
    ("orderevent", "reason"),
    ("sitecheck", "reason"),
    ("breaker", "reason"),
    ("bulkjob", "reason"),
    ("bulkrefusal", "reason"),
    ("importjob", "reason"),
)


class AddCode(migrations.AddField):
    def __init__(self, model_name, name):
        field = models.CharField(
            max_length=64, blank=True, default="", db_default="", editable=False
        )
        super().__init__(model_name, name, field)

    def deconstruct(self):
        return "AddCode", [self.model_name, self.name], {}

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        schema_editor.execute(
            f"ALTER TABLE {table} ADD COLUMN {self.name} varchar(64) DEFAULT '' NOT NULL"
        )


class Migration(migrations.Migration):
    dependencies = [("core", "0024_session_backend")]

    operations = [
        *(AddCode(model, f"{name}_code") for model, name in ROWS),
        *(
            migrations.AddField(
                model, f"{name}_params", models.JSONField(null=True, editable=False)
            )
            for model, name in ROWS
        ),
        migrations.AlterField(
            "bulkrefusal",
            "reason",
            models.CharField(blank=True, max_length=300, verbose_name="why"),
        ),
        migrations.AddIndex(
            "order",
            models.Index(
                fields=["attention_code"],
                name="order_remark_codes",
                condition=models.Q(attention_code__gt=""),
            ),
        ),
    ]
