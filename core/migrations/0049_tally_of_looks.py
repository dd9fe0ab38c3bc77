"""Looks at a video for quotes may move its counter: they are told from other people's views."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0048_learned_counts")]
    operations = [
        migrations.AddField(
            "sitelook", name, models.PositiveIntegerField(default=0, db_default=0)
        )
        for name in ("begun", "ended")
    ]
