"""A payment of which the top-up was undone may be booked again: the rule that each is booked once
tells the one from the other."""

from django.db import migrations, models
from django.db.models.functions import Coalesce

from core.db.online import AddConstraint


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0057_undone_imports")]
    operations = [
        AddConstraint(
            model_name="chargerecord",
            constraint=models.UniqueConstraint(
                models.F("reference"),
                models.F("customer"),
                Coalesce("rebooked", 0),
                condition=models.Q(("reference__isnull", False)),
                name="charge_once_a_payment",
            ),
        ),
        # The rule above holds for the release before as well, which writes no `rebooked`.
        migrations.RemoveConstraint(model_name="chargerecord", name="charge_once_a_reference"),
    ]
