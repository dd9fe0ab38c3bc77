"""Whether a top-up of many goes to those who got as much lately."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0060_trouble_of_workers")]
    operations = [
        migrations.AddField(
            "bulkjob", "again", models.BooleanField(default=False, db_default=False)
        ),
    ]
