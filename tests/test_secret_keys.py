"""SECRET_KEY is exchanged while people work: with the former key among SECRET_KEY_FALLBACKS nobody
notices, without it sessions and links end, and nothing else."""

import pytest
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client

from core.db.sessions import find_users
from core.pages import invitations
from tests.base import client_of

NEW = "a new secret key, as long as they should be, and unlike the one before"


@pytest.fixture(params=["kept", "forgotten"])
def exchange(request, settings):
    """Give the office a new key; whether the former one is still honoured."""

    def make() -> bool:
        former, settings.SECRET_KEY = settings.SECRET_KEY, NEW
        if request.param == "kept":
            settings.SECRET_KEY_FALLBACKS = [former]
        return request.param == "kept"

    return make


def test_who_is_logged_in_stays_so_while_the_former_key_is_kept(alice, exchange, settings):
    client = client_of(alice)
    kept = exchange()
    assert client.get("/admin/").status_code == (200 if kept else 302)
    settings.SECRET_KEY_FALLBACKS = []
    # The first page signed the session anew.
    assert client.get("/admin/").status_code == (200 if kept else 302)


def test_other_pages_of_a_browser_stay_logged_in_whichever_page_is_signed_anew(alice, settings):
    first, second = client_of(alice), Client()
    second.cookies = first.cookies.copy()
    key = first.session.session_key
    keys = [settings.SECRET_KEY, NEW]
    # Processes of which some are restarted already answer in turn.
    for _turn in range(3):
        keys.reverse()
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = keys[0], keys[1:]
        assert [page.get("/admin/").status_code for page in (first, second)] == [200, 200]
        assert list(find_users([key])) == [key]


def test_live_pages_know_who_is_behind_a_session_of_the_former_key(alice, exchange):
    key = client_of(alice).session.session_key
    kept = exchange()
    assert (key in find_users([key])) is kept


def test_a_session_of_nobodys_key_is_nobodys(alice, settings):
    key = client_of(alice).session.session_key
    settings.SECRET_KEY_FALLBACKS = [NEW]
    store = Session.get_session_store_class()(key)
    store[HASH_SESSION_KEY] = "of another password"
    store.save()
    assert find_users([key]) == {}


def test_a_customers_link_stays_good_while_the_former_key_is_kept(erin, exchange, client):
    path = invitations.invite(erin, actor=None)
    kept = exchange()
    answer = client.get(path)
    assert (answer.status_code == 302) is kept
