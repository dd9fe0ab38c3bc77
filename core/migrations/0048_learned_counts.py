"""How many plays at once a site counts without a loss is another thing than how many it accepts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0047_stored_times")]
    operations = [
        migrations.AddField(
            "site",
            "counted_connections",
            models.PositiveSmallIntegerField(null=True, editable=False),
        ),
        migrations.AddField(
            "site", "counts_lost_at", models.DateTimeField(null=True, editable=False)
        ),
    ]
