from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0038_quotes'),
    ]

    operations = [
        migrations.AddField(
            model_name='site',
            name='secrets',
            field=models.JSONField(editable=False, null=True, verbose_name='secrets'),
        ),
    ]
