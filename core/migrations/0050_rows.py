"""What rows from before hold of the new: names get their keys, sites are asked anew who proved
themselves in a way that proves nothing any more, and losses learned of a site go where they belong.

Customers that are there already and clash keep their names: the oldest of each name gets its key,
the others none, and are reported here and by `manage.py doctor`.
"""

from django.db import migrations
from django.db.models import F, OuterRef, Subquery, Window
from django.db.models.functions import RowNumber

from core.db.online import ChangeRows
from core.models.names import name_keys

BLOCK = 1_000
SHOWN = 50
PROVED, LOST = 1, 2


def fill_keys(apps, schema_editor):
    """Of those without one; rows that others write to meanwhile wait for one block at most."""
    customers = apps.get_model("core", "Customer").objects.order_by("pk")
    statement = "UPDATE core_customer SET name_key = %s WHERE id = %s AND name_key IS NULL"
    last = 0
    without = customers.filter(name_key=None).values_list("pk", "username")
    while rows := list(without.filter(pk__gt=last)[:BLOCK]):
        ids, names = zip(*rows, strict=True)
        with schema_editor.connection.cursor() as cursor:
            cursor.executemany(statement, list(zip(name_keys(names), ids, strict=True)))
        last = ids[-1]
        yield
    place = Window(RowNumber(), partition_by=F("name_key"), order_by=F("pk").asc())
    placed = customers.exclude(name_key=None).order_by().annotate(place=place)
    later = sorted(placed.filter(place__gt=1).values_list("pk", "username"))
    for start in range(0, len(later), BLOCK):
        ids = [pk for pk, _name in later[start : start + BLOCK]]
        customers.filter(pk__in=ids).update(name_key=None)
        yield
    if later:
        shown = ", ".join(f"{name} (id {pk})" for pk, name in later[:SHOWN])
        more = f" and {len(later) - SHOWN} more" if len(later) > SHOWN else ""
        print(f"\n    Names like an older customer's but for case or form, to be changed: {shown}{more}")


def ask_anew(apps, schema_editor):
    """Sites at http that a record proved: it showed whose the name is, not whose machine. They are
    not verified until the file shows the token; the page says why."""
    Site, SiteCheck = apps.get_model("core", "Site"), apps.get_model("core", "SiteCheck")
    proofs = SiteCheck.objects.filter(site=OuterRef("pk"), outcome=PROVED).order_by("-pk")
    sites = Site.objects.filter(verified=True, origin__startswith="http://").annotate(
        shown_by=Subquery(proofs.values("method")[:1])
    )
    for pk in [site.pk for site in sites if site.shown_by == "dns"]:
        Site.objects.filter(pk=pk).update(verified=False)
        SiteCheck.objects.create(
            site_id=pk,
            outcome=LOST,
            reason_code="token_record_needs_https",
            reason_params={"reason": {"code": "shown_by_record", "params": {}}},
        )
        yield


def keep_losses(apps, schema_editor):
    """So far 1 stood for both, and nothing ever raised it."""
    known = apps.get_model("core", "Site").objects.filter(learned_connections=1)
    known.update(
        learned_connections=None, counted_connections=1, counts_lost_at=F("learned_at")
    )
    yield


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0049_tally_of_looks")]
    operations = [ChangeRows(fill_keys), ChangeRows(ask_anew), ChangeRows(keep_losses)]
