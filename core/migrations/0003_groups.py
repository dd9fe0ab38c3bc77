"""The seed's administrators, and auditors who may see all and change nothing.

Super administrators are users with `is_superuser`; prices, sites' removal, staff accounts and
corrections of the ledger are theirs.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SEEN = (
    "customer",
    "chargerecord",
    "pricepolicy",
    "ledgerentry",
    "site",
    "sitecheck",
    "order",
    "orderevent",
    "counterreading",
)
ADMINISTRATORS = (
    *(f"view_{model}" for model in SEEN),
    "add_customer",
    "change_customer",
    "add_chargerecord",
    "add_order",
    "change_order",
    "add_site",
    "change_site",
)
AUDITORS = (*(f"view_{model}" for model in SEEN), "view_user", "view_administrator")


def create(apps, schema_editor):
    # Django makes permissions after all migrations; the groups need them now.
    config = apps.get_app_config("core")
    config.models_module = True  # else create_permissions() thinks it has no models
    create_permissions(config, apps=apps, verbosity=0, using=schema_editor.connection.alias)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    for name, codenames in (("Administrators", ADMINISTRATORS), ("Auditors", AUDITORS)):
        group, _ = Group.objects.get_or_create(name=name)
        permissions = Permission.objects.filter(
            content_type__app_label="core", codename__in=codenames
        )
        assert permissions.count() == len(codenames), "a permission's name is wrong"
        group.permissions.add(*permissions)


def remove(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=("Administrators", "Auditors")).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_append_only"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(create, remove)]
