"""Indexes of large tables, made while others write."""

from django.db import migrations, models

from core.db.online import AddConstraint, AddIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0050_rows")]
    operations = [
        AddIndex(
            model_name="customer",
            index=models.Index(
                fields=["id"],
                name="customer_name_unclear",
                condition=models.Q(("name_key__isnull", True)),
            ),
        ),
        AddConstraint(
            model_name="customer",
            constraint=models.UniqueConstraint(
                fields=["name_key"],
                name="customer_name_once",
                condition=models.Q(("name_key__isnull", False)),
            ),
        ),
        AddConstraint(
            model_name="chargerecord",
            constraint=models.UniqueConstraint(
                condition=models.Q(("reference__isnull", False)),
                fields=("reference", "customer"),
                name="charge_once_a_reference",
            ),
        ),
    ]
