"""Names of the rollups in the code; the tables keep theirs."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("core", "0021_sorted_by_money")]

    operations = [
        migrations.AlterModelTable("quarter", "core_quarter"),
        migrations.AlterModelTable("counted", "core_counted"),
        migrations.RenameModel("Quarter", "QuarterHourTotal"),
        migrations.RenameModel("Counted", "RollupCursor"),
    ]
