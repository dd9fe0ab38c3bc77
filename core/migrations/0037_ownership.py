"""Ownership is of a machine: private authorities are trusted for one site each, and a changed site has
to be calibrated anew."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0036_proof")]

    operations = [
        migrations.AddField(
            model_name="site",
            name="ca_certificate",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="For a site whose certificate no public authority issued: the certificate of the authority that did, in PEM form. It alone is trusted there, and nowhere else.",
                verbose_name="CA certificate",
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="calibrated_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="calibrated"),
        ),
    ]
