"""The groups as core/permissions.py has them. A group that is there stays as the office made it:
what a super administrator took from it is not given back."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

from core.permissions import GROUPS


def make_missing(apps, schema_editor):
    # Django makes permissions after all migrations; the groups need them now.
    config = apps.get_app_config("core")
    config.models_module = True  # else create_permissions() thinks it has no models
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    Permission = apps.get_model("auth", "Permission")
    for name, permissions in GROUPS.items():
        group, is_new = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        if is_new:
            codenames = {permission.removeprefix("core.") for permission in permissions}
            group.permissions.set(
                Permission.objects.filter(content_type__app_label="core", codename__in=codenames)
            )


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0026_drop_address_index"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_missing, migrations.RunPython.noop)]
