"""Looks at sites for quotes are shared by all processes, and counted; a site that does not answer is known."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0037_ownership'),
    ]

    operations = [
        migrations.CreateModel(
            name='LookAllowance',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('since', models.DateTimeField()),
                ('taken', models.PositiveIntegerField(default=0)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='site',
            name='unreachable_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='unreachable since'),
        ),
        migrations.CreateModel(
            name='SiteLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('video_id', models.CharField(max_length=200)),
                ('looked_at', models.DateTimeField(null=True)),
                ('views', models.PositiveBigIntegerField(null=True)),
                ('error_kind', models.CharField(blank=True, db_default='', default='', max_length=32)),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=300)),
                ('reason_code', models.CharField(blank=True, db_default='', default='', editable=False, max_length=64)),
                ('reason_params', models.JSONField(editable=False, null=True)),
                ('looking_until', models.DateTimeField(null=True)),
                ('site', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='core.site')),
            ],
            options={
                'default_permissions': (),
                'indexes': [models.Index(fields=['looked_at'], name='look_oldest')],
                'constraints': [models.UniqueConstraint(fields=('site', 'video_id'), name='look_one_a_video')],
            },
        ),
    ]
