"""Which rows an import wrote, so that it can be undone."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

STATUSES = [
    (1, 'being checked'),
    (2, 'checked'),
    (3, 'being imported'),
    (4, 'imported'),
    (5, 'refused'),
    (6, 'canceled'),
    (7, 'being undone'),
    (8, 'undone'),
]
KINDS = [
    (1, 'Customers'),
    (2, 'Field Changes'),
    (3, 'Top Ups'),
    (4, 'Waiting Top Ups'),
    (5, 'Orders'),
]


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0056_top_up_corrections"),
    ]
    operations = [
        migrations.AlterModelOptions(
            name="importjob",
            options={
                "ordering": ("-id",),
                "permissions": [("undo_import", "Can undo imports")],
                "verbose_name": "import",
                "verbose_name_plural": "imports",
            },
        ),
        migrations.AlterField(
            model_name="importjob",
            name="status",
            field=models.PositiveSmallIntegerField(
                choices=STATUSES, default=1, verbose_name="status"
            ),
        ),
        migrations.AddField(
            model_name="importjob",
            name="undoer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="undone by",
            ),
        ),
        migrations.AddField(
            model_name="importjob",
            name="undone_at",
            field=models.DateTimeField(null=True, verbose_name="undone"),
        ),
        migrations.AddField(
            model_name="importjob",
            name="status_before_undo",
            field=models.PositiveSmallIntegerField(choices=STATUSES, null=True),
        ),
        migrations.RemoveIndex(model_name="importjob", name="import_due"),
        migrations.AddIndex(
            model_name="importjob",
            index=models.Index(
                condition=models.Q(("status__in", (1, 3, 7))), fields=["id"], name="import_due"
            ),
        ),
        migrations.AddField(
            model_name="chargerecord",
            name="rebooked",
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.CreateModel(
            name="ImportedRows",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.PositiveSmallIntegerField(choices=KINDS)),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("undone", models.BooleanField(default=False)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wrote",
                        to="core.importjob",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("undone", True)),
                        fields=["kind", "first_id"],
                        name="imported_rows_undone",
                    )
                ],
            },
        ),
    ]
