"""Guessing passwords: each try is counted before anything is looked at, and limited."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
from django.contrib.auth import authenticate
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.http import HttpRequest
from django.test import Client, override_settings
from django.utils import timezone

from core.db import clock
from core.logins import attempts, hashing
from core.logins.addresses import network_of
from core.logins.hashing import HashingBusyError
from core.models import LoginCount, User
from core.models.login_counts import KNOWN, LoginAttempt
from office import environment
from tests.base import client_of
from tests.office import wait_for

PASSWORD = "Harbour-lights-7"
DJANGOS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]


def log_in(name: str, password: str = "wrong", address: str = "192.0.2.1", page: str = "admin"):
    sent = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(f"/{page}/login/", sent)


def give_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def guessed(bob):
    return give_password(bob)


def test_of_200_in_flight_none_gets_in_past_the_limit(office):
    """The hash takes so long that all of them are on their way before the first has failed."""
    with override_settings(PASSWORD_HASHERS=DJANGOS):
        give_password(User.objects.create(username="bob", is_staff=True))
        with ThreadPoolExecutor(200) as threads:
            wrong = [threads.submit(answer_in_thread, "wrong") for _guess in range(199)]
            wait_for(lambda: LoginCount.objects.filter(tries__gte=5).exists(), what="five guesses")
            right = threads.submit(answer_in_thread, PASSWORD)
            answers = [guess.result() for guess in wrong]
            assert right.result() == 429
    assert sorted(set(answers)) == [200, 429]
    assert answers.count(200) == 5


def answer_in_thread(password: str) -> int:
    try:
        return log_in("bob", password).status_code
    finally:
        connections.close_all()


def test_the_sixth_try_of_a_name_from_an_address_is_not_looked_at(guessed):
    assert [log_in("bob").status_code for _guess in range(6)] == [200] * 5 + [429]
    refused = log_in("bob", PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 15 * 60
    assert "15 minutes" in refused.content.decode()
    assert log_in("bob", PASSWORD, "198.51.100.7").status_code == 302


def test_tries_are_counted_by_the_desk_and_the_portal_alike(owner):
    give_password(owner.user)
    for page in ("portal", "admin", "portal", "admin", "portal"):
        assert log_in("erin", page=page).status_code == 200
    refused = log_in("erin", PASSWORD, page="portal")
    assert refused.status_code == 429
    assert "Ask the desk" in refused.content.decode()


def test_names_sprayed_from_an_address_are_limited(guessed):
    answers = [log_in(f"name-{number}").status_code for number in range(31)]
    assert answers == [200] * 30 + [429]
    assert log_in("bob", PASSWORD).status_code == 429


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
    ],
)
def test_addresses_of_one_line_count_as_one(address, network):
    assert network_of(address) == network


def test_the_addresses_of_a_64_are_limited_together(guessed):
    for number in range(5):
        log_in("bob", address=f"2001:db8:1:2::{number:x}")
    assert log_in("bob", PASSWORD, "2001:db8:1:2:ffff::1").status_code == 429
    assert log_in("bob", PASSWORD, "2001:db8:1:3::1").status_code == 302


def test_a_name_guessed_from_everywhere_is_limited_but_where_its_owner_was(guessed):
    assert log_in("bob", PASSWORD, "198.51.100.7").status_code == 302
    answers = [log_in("bob", address=f"203.0.113.{number}").status_code for number in range(31)]
    assert answers == [200] * 30 + [429]
    assert log_in("bob", PASSWORD, "198.51.100.8").status_code == 429
    assert log_in("bob", PASSWORD, "198.51.100.7").status_code == 302


def test_right_logins_use_nothing_up(guessed):
    """However many colleagues there are behind one address."""
    for _time in range(35):
        assert log_in("bob", PASSWORD).status_code == 302
    for _time in range(4):
        log_in("bob")
    assert log_in("bob", PASSWORD).status_code == 302
    assert log_in("bob").status_code == 200


def test_a_known_owners_login_gives_who_guesses_elsewhere_no_further_try(db):
    now, limits = clock.now(), attempts.limits()
    owner, guesser = LoginAttempt("erin", "192.0.2.1"), LoginAttempt("erin", "192.0.2.2")
    for login in (owner, guesser, owner):
        login.take(limits, now)
        if login is owner:
            owner.succeed(now)
    assert LoginCount.objects.get(name="erin", address="").tries == 1


def test_what_is_refused_counts_nothing_so_that_a_colleague_is_not_locked_out(guessed, alice):
    give_password(alice)
    for _guess in range(100):
        log_in("bob")
    assert log_in("alice", PASSWORD).status_code == 302


def test_tries_are_forgotten_after_a_quarter_of_an_hour(guessed):
    for _guess in range(6):
        log_in("bob")
    LoginCount.objects.update(end_date=timezone.now() - timedelta(seconds=1))
    assert log_in("bob", PASSWORD).status_code == 302


def test_counts_that_have_ended_are_swept_and_known_addresses_kept(guessed):
    log_in("bob", PASSWORD)
    log_in("eve", address="203.0.113.1")
    LoginCount.objects.update(end_date=timezone.now() - timedelta(seconds=1))
    attempts.sweep()
    assert [str(count) for count in LoginCount.objects.all()] == ["bob · 192.0.2.1"]
    LoginCount.objects.update(known_until=timezone.now() - KNOWN)
    attempts.sweep()
    assert not LoginCount.objects.exists()


@pytest.mark.parametrize("page", ["/admin/password_change/", "/portal/password/"])
def test_an_open_session_is_no_leave_to_guess_its_password(guessed, owner, page):
    client = client_of(guessed if "admin" in page else give_password(owner.user))
    new = {"new_password1": "Lantern-42-quay", "new_password2": "Lantern-42-quay"}
    guesses = [client.post(page, {"old_password": "wrong", **new}) for _guess in range(6)]
    assert [answer.status_code for answer in guesses] == [200] * 5 + [429]
    assert client.post(page, {"old_password": PASSWORD, **new}).status_code == 429


def test_a_password_is_changed_by_the_right_one(guessed):
    new = {"new_password1": "Lantern-42-quay", "new_password2": "Lantern-42-quay"}
    answer = client_of(guessed).post("/admin/password_change/", {"old_password": PASSWORD, **new})
    assert answer.status_code == 302
    guessed.refresh_from_db()
    assert guessed.check_password("Lantern-42-quay")


def test_a_super_administrator_lets_somebody_try_again(guessed, alice):
    for _guess in range(6):
        log_in("bob")
    desk = client_of(alice)
    listed = desk.get("/admin/core/logincount/").content.decode()
    assert "192.0.2.1" in listed
    assert 'desk-tag--bad">yes' in listed and "icon-no" not in listed
    # Django's script of a list with actions looks for the counter.
    assert 'class="action-select"' in listed and 'class="action-counter"' in listed
    pair = LoginCount.objects.get(name="bob", address="192.0.2.1")
    assert (
        desk.post(f"/admin/core/logincount/{pair.pk}/delete/", {"post": "yes"}).status_code == 302
    )
    assert log_in("bob", PASSWORD).status_code == 302


def test_so_many_passwords_are_hashed_at_once_and_the_others_are_told_soon(guessed, monkeypatch):
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.1)
    held = [hashing.places.acquire(timeout=1) for _place in range(2)]
    try:
        assert all(held)
        with override_settings(PASSWORD_HASHERS=["core.logins.hashing.BoundedHasher"]):
            started = time.monotonic()
            with pytest.raises(HashingBusyError):
                authenticate(HttpRequest(), username="bob", password=PASSWORD)
            answer = log_in("bob", PASSWORD)
            assert time.monotonic() - started < 2
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) == hashing.RETRY_SECONDS
        assert LoginCount.objects.get(name="bob", address="192.0.2.1").tries == 0
    finally:
        for _place in held:
            hashing.places.release()


def test_a_hash_gives_its_place_back_whatever_becomes_of_it():
    hasher = hashing.BoundedHasher()
    for _time in range(5):
        with pytest.raises(TypeError):
            hasher.encode(None, "salt", 1)
    assert hasher.verify("harbour", hasher.encode("harbour", "salt", 1))


def test_an_office_hashes_by_the_bounded_hasher_and_knows_djangos_hashes(office):
    told = office.manage(
        "shell",
        "-v0",
        "-c",
        "from django.contrib.auth.hashers import *; "
        "old = PBKDF2PasswordHasher().encode('harbour', 'salt'); "
        "print(type(get_hasher()).__name__, check_password('harbour', old))",
    )
    assert told.stdout.split() == ["BoundedHasher", "True"]


@pytest.mark.parametrize(
    ("believed", "counted"),
    [("127.0.0.1", "203.0.113.9"), ("198.51.100.0/24", "127.0.0.1")],
)
def test_a_forwarded_address_is_believed_from_the_proxies_that_are_named(office, believed, counted):
    """The last one that no proxy of ours wrote: what stands before it is the visitor's own word."""
    web = office.web(FORWARDED_ALLOW_IPS=believed)
    with requests.Session() as visitor:
        visitor.get(f"{web.url}/admin/login/", timeout=20)
        sent = {
            "username": "eve",
            "password": "wrong",
            "csrfmiddlewaretoken": visitor.cookies["csrftoken"],
        }
        headers = {"X-Forwarded-For": "10.9.9.9, 203.0.113.9", "Referer": web.url}
        answer = visitor.post(f"{web.url}/admin/login/", sent, headers=headers, timeout=20)
    assert answer.status_code == 200
    assert LoginCount.objects.get(name="eve", address__gt="").address == counted


NO_ADDRESSES = ("garbage", "unknown", "unix:", "é", "999.1.1.1", "9" * 5_000, "fe80::1%eth0")


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
@pytest.mark.parametrize("path", ["/admin/login/", "/portal/login/"])
def test_what_is_no_address_counts_as_the_proxys_own(office, path):
    """PostgreSQL keeps addresses as such, and takes nothing else for one."""
    web = office.web()
    with requests.Session() as visitor:
        visitor.get(web.url + path, timeout=20)
        for number, forwarded in enumerate(NO_ADDRESSES):
            sent = {
                "username": f"eve{number}",
                "password": "wrong",
                "csrfmiddlewaretoken": visitor.cookies["csrftoken"],
            }
            headers = {"X-Forwarded-For": forwarded.encode(), "Referer": web.url}
            answer = visitor.post(web.url + path, sent, headers=headers, timeout=20)
            assert answer.status_code == 200, forwarded[:20]
    counts = LoginCount.objects.filter(name__startswith="eve", address__gt="").order_by("name")
    *no_addresses, link_local = counts.values_list("address", flat=True)
    assert {*no_addresses} == {"127.0.0.1"}
    assert link_local == "fe80::/64"


@pytest.mark.parametrize("value", ["*", "proxy.example.com", "10.0.0.1/8"])
def test_proxies_are_addresses_and_networks(monkeypatch, value):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", value)
    with pytest.raises(ImproperlyConfigured, match="FORWARDED_ALLOW_IPS"):
        environment.networks("FORWARDED_ALLOW_IPS", "127.0.0.1")
