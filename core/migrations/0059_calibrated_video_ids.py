"""A calibration takes each id of a video that an order takes. PostgreSQL rewrites nothing for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0058_payments_booked_again")]
    operations = [
        migrations.AlterField("calibration", "video_id", models.CharField(max_length=200)),
    ]
