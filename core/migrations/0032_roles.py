"""Clerks, Bookkeepers and Approvers: the groups that core/permissions.py has beside those that were
there. A group of that name stays as the office made it."""

from importlib import import_module

from django.db import migrations

make_missing = import_module("core.migrations.0027_groups").make_missing


class Migration(migrations.Migration):
    dependencies = [("core", "0031_files")]
    operations = [migrations.RunPython(make_missing, migrations.RunPython.noop)]
