"""Sessions are Django's own, and those of before the change stay good."""

from importlib import import_module

from django.apps import apps
from django.contrib.auth import BACKEND_SESSION_KEY

from tests.base import BACKEND, client_of

migration = import_module("core.migrations.0024_session_backend")


def status(client) -> int:
    return client.get("/admin/").status_code


def test_who_was_let_in_by_the_former_backend_stays_logged_in(alice):
    client = client_of(alice)
    session = client.session
    session[BACKEND_SESSION_KEY] = "core.sessions.UserBackend"
    session["cart"] = "kept"
    session.save()
    assert status(client) == 302

    migration.rename(migration.OURS, migration.DJANGOS)(apps, None)

    assert status(client) == 200
    assert client.session["cart"] == "kept"
    assert client.session[BACKEND_SESSION_KEY] == BACKEND


def test_a_session_that_cannot_be_read_stops_no_upgrade(alice):
    client = client_of(alice)
    session = apps.get_model("sessions", "Session").objects.get()
    session.session_data = "signed with another key"
    session.save()

    migration.rename(migration.OURS, migration.DJANGOS)(apps, None)

    session.refresh_from_db()
    assert session.session_data == "signed with another key"
    assert status(client) == 302
