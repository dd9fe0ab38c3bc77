"""What a site calls a video stands on the order, and beside what was found there a moment ago."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0052_file_parts")]
    operations = [
        migrations.AddField(
            "order",
            "video_title",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                max_length=200,
                verbose_name="video title",
            ),
        ),
        migrations.AddField(
            "sitelook",
            "title",
            models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
    ]
