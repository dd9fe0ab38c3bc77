"""Indexes for lists and pages that read all rows where there are many: open orders of a customer,
looks at sites, and what the log says of an object.

They are made as any other, not concurrently: for an upgrade the office is stopped.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("core", "0019_address_index"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("status__in", (7, 1, 2, 8, 9))),
                fields=["customer"],
                name="order_open_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="sitecheck",
            index=models.Index(fields=["outcome", "-id"], name="sitecheck_outcome_newest"),
        ),
        migrations.AddIndex(
            model_name="sitecheck",
            index=models.Index(fields=["create_date", "id"], name="sitecheck_created"),
        ),
        migrations.RunSQL(
            "CREATE INDEX admin_log_of_object ON django_admin_log (object_id, content_type_id)",
            "DROP INDEX admin_log_of_object",
        ),
    ]
