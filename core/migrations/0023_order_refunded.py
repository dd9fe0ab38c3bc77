"""What an ended order gave back stands on it; of those that ended before, the ledger says how much.

A block of rows a transaction, so that nobody waits for a write lock while the orders are filled in.
"""

from decimal import Decimal

from django.db import migrations, models
from django.db.models import Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

ROWS = 5_000
REFUND = 3


def fill(apps, schema_editor):
    database = schema_editor.connection.alias
    orders = apps.get_model("core", "Order").objects.using(database)
    entries = apps.get_model("core", "LedgerEntry").objects.using(database)
    refunds = entries.filter(order=OuterRef("pk"), kind=REFUND).order_by().values("amount")[:1]
    last = orders.aggregate(last=Max("pk"))["last"] or 0
    for first in range(1, last + 1, ROWS):
        ended = orders.filter(
            pk__gte=first, pk__lt=first + ROWS, delivered__isnull=False, refunded__isnull=True
        )
        ended.update(refunded=Coalesce(Subquery(refunds), Decimal("0.00")))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0022_rollup_names")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="refunded",
            field=models.DecimalField(
                decimal_places=2, editable=False, max_digits=12, null=True, verbose_name="refunded"
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
