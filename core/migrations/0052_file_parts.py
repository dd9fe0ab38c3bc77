"""Files of uploads travel by the database."""

from django.db import migrations, models

from core.db.clock import Moment


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0051_indexes'),
    ]

    operations = [
        migrations.CreateModel(
            name='FilePart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('folder', models.CharField(max_length=32)),
                ('name', models.CharField(max_length=16)),
                ('start', models.PositiveBigIntegerField()),
                ('data', models.BinaryField()),
                ('create_date', models.DateTimeField(db_default=Moment(), editable=False)),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['create_date'], name='file_part_oldest')],
                'constraints': [models.UniqueConstraint(fields=('folder', 'name', 'start'), name='file_part_once')],
            },
        ),
    ]
