"""When a row came is the database's to say: the clocks of hosts differ.

SQLite needs no default in the table, as Django writes the expression into each INSERT there; it
would make the tables anew, and the triggers that keep rows from change would be lost with them.
"""

from django.db import migrations, models
from django.db.models.functions import Now

from core.db.clock import Moment

CAME = (
    *(("bulkjob", "created"), ("counterreading", "when"), ("fieldchange", "when")),
    *(("importjob", "uploaded"), ("ledgerentry", "created"), ("message", "when")),
    *(("calibration", "started"), ("order", "created"), ("orderevent", "when"), ("sitecheck", "checked")),
)
INDEXED = (("chargerecord", "created"), ("customer", "created"), ("waitingtopup", "created"))


class AlterDefault(migrations.AlterField):
    """Of the column on PostgreSQL, where it touches no row; of the state alone on SQLite."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def moment(verbose_name, **options):
    return models.DateTimeField(verbose_name, db_default=Moment(), editable=False, **options)


class Migration(migrations.Migration):
    # A table at a time: nobody waits for one of them while another is waited for.
    atomic = False
    dependencies = [("core", "0046_repeated_top_ups")]
    operations = [
        *(AlterDefault(model, "create_date", moment(name)) for model, name in CAME),
        *(AlterDefault(model, "create_date", moment(name, db_index=True)) for model, name in INDEXED),
        AlterDefault("order", "due", models.DateTimeField("next due", db_default=Now(), editable=False)),
    ]
