"""Usernames of customers are unique without regard to case and Unicode form: by a key, which
0050_rows.py fills and 0051_indexes.py makes unique.
"""

from django.db import migrations, models

from core.models.names import KEY_LENGTH


class Migration(migrations.Migration):

    dependencies = [
        ("core", "0044_alerts"),
    ]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="name_key",
            field=models.CharField(editable=False, max_length=KEY_LENGTH, null=True),
        ),
    ]
