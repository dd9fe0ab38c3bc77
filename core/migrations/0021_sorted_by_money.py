"""Indexes that sort customers by balance and top-ups by amount."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0020_large_lists'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='chargerecord',
            index=models.Index(fields=['amount', 'id'], name='charge_amount'),
        ),
        migrations.AddIndex(
            model_name='customer',
            index=models.Index(fields=['balance', 'id'], name='customer_balance'),
        ),
    ]
