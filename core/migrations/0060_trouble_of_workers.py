"""A worker says with its sign of life what fails in it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0059_calibrated_video_ids")]
    operations = [
        migrations.AddField(
            "heartbeat",
            "trouble",
            models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=200
            ),
        ),
    ]
