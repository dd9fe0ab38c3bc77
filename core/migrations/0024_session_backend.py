"""Sessions name the login backend that let somebody in, and Django takes only those of the settings.
Those of before get the name of Django's own, so that nobody has to log in again."""

from django.contrib.auth import BACKEND_SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations
from django.utils import timezone

OURS = "core.sessions.UserBackend"
DJANGOS = "django.contrib.auth.backends.ModelBackend"
BLOCK = 500


def rename(before, after):
    def run(apps, schema_editor):
        Session = apps.get_model("sessions", "Session")
        store = SessionStore()
        changed = []
        for session in Session.objects.filter(expire_date__gt=timezone.now()):
            data = store.decode(session.session_data)
            if data.get(BACKEND_SESSION_KEY) == before:
                session.session_data = store.encode(data | {BACKEND_SESSION_KEY: after})
                changed.append(session)
        Session.objects.bulk_update(changed, ["session_data"], batch_size=BLOCK)

    return run


class Migration(migrations.Migration):
    dependencies = [
        ("sessions", "0001_initial"),
        ("core", "0023_order_refunded"),
    ]

    operations = [migrations.RunPython(rename(OURS, DJANGOS), rename(DJANGOS, OURS))]
