"""Two-step login: who turned it on needs a code besides the password; no code works twice."""

import os
import re
import subprocess
import sys
import threading
import time
from base64 import b32decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test import Client
from django_otp.models import Device
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from core.admin import second_factor
from core.db.sessions import find_users
from core.models import Customer, User
from tests.base import client_of, messages_of

PASSWORD = "Harbour-lights-7"
PAGE = "/admin/two-step/"


def code_of(user: User) -> str:
    """What the user's app shows now."""
    return code_by(TOTPDevice.objects.get(user=user).bin_key)


def code_by(key: bytes) -> str:
    app = TOTP(key)
    app.time = time.time()
    return f"{app.token():06}"


@pytest.fixture
def clock(db):
    """A clock that a test moves on, since an app's next code comes after half a minute."""
    with time_machine.travel("2026-03-01 12:00:00", tick=False) as clock:
        yield clock


@pytest.fixture
def backup_codes(clock, bob):
    """Bob has it on, at a time when he used the code that turned it on."""
    bob.set_password(PASSWORD)
    bob.save()
    key = default_key()
    codes = second_factor.confirm(bob, key, code_by(bytes.fromhex(key)))
    clock.shift(60)
    return codes


def log_in(code: str = "", password: str = PASSWORD):
    """The answer to the login's form; 302 is in."""
    sent = {"username": "bob", "password": password, "code": code, "next": "/admin/"}
    return Client().post("/admin/login/", sent)


def test_without_it_the_password_is_enough(db, bob):
    bob.set_password(PASSWORD)
    bob.save()
    assert log_in().status_code == 302


def key_on(page) -> bytes:
    """What somebody who looks at the page types into an app."""
    text = re.search(r"data-copied>([A-Z2-7 ]+)</code>", page.content.decode()).group(1)
    return b32decode(text.replace(" ", ""))


@pytest.fixture
def logged_in(clock, bob):
    """Bob's browser; he came in by his password."""
    bob.set_password(PASSWORD)
    bob.save()
    return client_of(bob)


def turn_on(client, *, password: str = PASSWORD, code: str = ""):
    code = code or code_by(key_on(client.get(PAGE)))
    return client.post(PAGE, {"password": password, "code": code})


def test_it_is_turned_on_by_a_code_of_the_app_and_gives_backup_codes_once(logged_in, bob):
    page = logged_in.get(PAGE).content.decode()
    assert "<svg" in page and "Backup codes" not in page
    response = turn_on(logged_in)
    assert second_factor.is_on(bob)
    assert len(set(response.context["backup_codes"])) == second_factor.BACKUP_CODES
    again = logged_in.get(PAGE).content.decode()
    assert not any(code in again for code in response.context["backup_codes"])
    assert TOTPDevice.objects.get(user=bob).key not in again
    assert LogEntry.objects.get().change_message == "Turned two-step login on."


def test_a_wrong_first_code_turns_nothing_on(logged_in, bob):
    response = turn_on(logged_in, code="000000")
    assert "wrong" in response.context["form"].errors["code"][0]
    assert not TOTPDevice.objects.exists()


def test_an_open_session_without_the_password_turns_nothing_on(logged_in, bob):
    for password in ("", "wrong"):
        assert "password" in turn_on(logged_in, password=password).context["form"].errors
    assert not TOTPDevice.objects.exists()


def test_the_key_is_shown_to_no_other_session(logged_in, bob):
    """Else whoever looked once has the second step of whoever turns it on later."""
    stolen = client_of(bob)
    key = key_on(stolen.get(PAGE))
    assert key_on(logged_in.get(PAGE)) != key
    assert key_on(stolen.get(PAGE)) == key
    turn_on(logged_in)
    assert second_factor.is_on(bob)
    assert not second_factor.accepts(bob, code_by(key))


def test_turning_it_on_ends_the_other_sessions(logged_in, bob):
    stolen = client_of(bob)
    assert stolen.get(PAGE).status_code == 200
    turn_on(logged_in)
    assert logged_in.get(PAGE).status_code == 200
    assert stolen.get(PAGE).status_code == 302
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_wrong_passwords_on_the_page_lock_as_at_the_login(logged_in, bob):
    code = code_by(key_on(logged_in.get(PAGE)))
    answers = [turn_on(logged_in, password="wrong", code=code).status_code for _try in range(6)]
    assert answers == [200] * 5 + [429]
    assert turn_on(logged_in, code=code).status_code == 429
    assert not second_factor.is_on(bob)


# --- asked of super administrators


@pytest.fixture
def asked(settings):
    settings.REQUIRE_TWO_STEP = True


def test_a_super_administrator_without_it_sees_nothing_else(asked, clock, alice, bob, erin):
    client = client_of(alice)
    for page in ("", "home/", "board/", "core/order/", "core/customer/autocomplete/"):
        answer = client.get(f"/admin/{page}")
        assert (answer.status_code, answer.url) == (302, PAGE)
    answer = client.post("/admin/core/customer/add/", {"username": "straw", "active": "on"})
    assert (answer.status_code, answer.url) == (302, PAGE)
    assert list(Customer.objects.all()) == [erin]
    assert "requires super administrators" in client.get(PAGE).content.decode()
    assert client_of(bob).get("/admin/core/order/").status_code == 200


def test_a_super_administrator_without_it_watches_nothing(asked, alice, bob):
    keys = {client_of(user).session.session_key: user.pk for user in (alice, bob)}
    assert [user.pk for user in find_users(keys).values()] == [bob.pk]


def test_a_super_administrator_with_it_goes_on(asked, clock, alice):
    alice.set_password(PASSWORD)
    alice.save()
    client = client_of(alice)
    turn_on(client)
    assert client.get("/admin/core/order/").status_code == 200
    assert find_users([client.session.session_key])


def test_an_office_asks_for_it_unless_it_is_told_not_to():
    told = "import office.settings; print(office.settings.REQUIRE_TWO_STEP)"
    environment = {name: os.environ[name] for name in ("DATA_DIR", "SECRET_KEY", "PATH")}
    answer = subprocess.run(
        [sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "True\n"


# --- with it


def test_the_password_alone_no_longer_lets_in(backup_codes):
    response = log_in()
    assert response.status_code == 200
    assert "The code is missing" in response.context["form"].non_field_errors()[0]


def test_a_code_lets_in_once(backup_codes, bob):
    code = code_of(bob)
    assert log_in(code).status_code == 302
    assert log_in(code).status_code == 200


def test_a_backup_code_lets_in_once(backup_codes, clock):
    assert log_in(backup_codes[0].upper()).status_code == 302
    assert log_in(backup_codes[0]).status_code == 200
    clock.shift(60)
    assert log_in(backup_codes[1]).status_code == 302


@pytest.mark.parametrize("between", [" ", "-", "\u2013", "\u00a0", "\u3000", " - ", "\u200b"])
def test_a_code_passes_with_whatever_groups_its_signs(backup_codes, bob, between):
    code = code_of(bob)
    assert log_in(f"{between}{code[:3]}{between}{code[3:]}{between}").status_code == 302
    code = backup_codes[0]
    assert log_in(between.join((code[:4], code[4:]))).status_code == 302


def test_a_code_in_full_width_digits_passes(backup_codes, bob):
    assert log_in("".join(chr(ord(digit) + 0xFEE0) for digit in code_of(bob))).status_code == 302


def test_wrong_codes_lock_as_wrong_passwords_do(backup_codes, bob, clock):
    answers = []
    for _guess in range(6):
        clock.shift(120)  # past what django-otp itself makes a guesser wait
        answers.append(log_in("000000").status_code)
    assert answers == [200] * 5 + [429]
    clock.shift(120)
    assert log_in(code_of(bob)).status_code == 429


def test_a_code_that_was_left_out_is_no_guess(backup_codes, bob):
    assert [log_in().status_code for _time in range(6)] == [200] * 6
    assert log_in(code_of(bob)).status_code == 302


def test_wrong_codes_on_the_page_lock_too(backup_codes, bob):
    client = client_of(bob)
    answers = [client.post(PAGE, {"code": "000000"}).status_code for _guess in range(6)]
    assert answers == [200] * 5 + [429]
    assert log_in(code_of(bob)).status_code == 429


def test_a_right_code_does_not_make_up_for_a_wrong_password(backup_codes, bob):
    response = log_in(code_of(bob), password="wrong")
    assert "code" not in str(response.context["form"].errors)
    assert response.status_code == 200
    assert log_in(code_of(bob)).status_code == 302  # nor is it used up


def test_who_guesses_codes_has_to_wait_even_with_the_right_one(backup_codes, bob, clock):
    for _guess in range(3):
        log_in("000000")
    assert log_in(code_of(bob)).status_code == 200
    clock.shift(60)
    assert log_in(code_of(bob)).status_code == 302


def test_turning_it_off_takes_a_code(backup_codes, bob, clock):
    client = client_of(bob)
    client.post(PAGE, {"code": "000000"})
    assert second_factor.is_on(bob)
    clock.shift(60)
    response = client.post(PAGE, {"code": code_of(bob)}, follow=True)
    assert messages_of(response) == ["Two-step login is off: the password alone is enough."]
    assert not second_factor.is_on(bob)
    assert log_in().status_code == 302


def test_a_super_administrator_turns_it_off_for_somebody_and_nobody_else_does(
    backup_codes, alice, bob
):
    address = f"/admin/core/administrator/{bob.pk}/two_step_off/"
    assert client_of(bob).post(address).status_code == 403
    assert second_factor.is_on(bob)
    page = client_of(alice).get(f"/admin/core/administrator/{bob.pk}/change/")
    assert address in page.content.decode()
    client_of(alice).post(address)
    assert not second_factor.is_on(bob)
    last = LogEntry.objects.first()
    assert (last.user.username, last.change_message) == ("alice", "Turned two-step login off.")


@pytest.mark.parametrize("who", ["bob", "alice"])
def test_turning_it_off_ends_the_sessions_of_whose_it_was(backup_codes, alice, bob, clock, who):
    """What was lost with the app may be logged in."""
    lost, other = client_of(bob), client_of(User.objects.create(username="ken", is_staff=True))
    actor = client_of({"bob": bob, "alice": alice}[who])
    if who == "bob":
        actor.post(PAGE, {"code": code_of(bob)})
    else:
        actor.post(f"/admin/core/administrator/{bob.pk}/two_step_off/")
    assert not second_factor.is_on(bob)
    assert lost.get(PAGE).status_code == 302
    assert not find_users([lost.session.session_key])
    assert (actor.get(PAGE).status_code, other.get(PAGE).status_code) == (200, 200)


def test_secrets_are_on_no_page_of_the_desk(alice):
    client = client_of(alice)
    for model in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert client.get(f"/admin/{model}/").status_code == 404


# --- many at once


@pytest.mark.parametrize("kind", ["app", "backup"])
def test_of_many_who_send_one_code_at_once_one_gets_in(office, monkeypatch, kind):
    admin, gate, key = User.objects.get(username="admin"), threading.Barrier(20), default_key()

    def passed() -> int:
        code = code_by(bytes.fromhex(key)) if kind == "app" else codes.pop()
        with ThreadPoolExecutor(20) as threads:
            return sum(threads.map(lambda _one: accepts_in_thread(admin, code, gate), range(20)))

    with time_machine.travel("2026-03-01 12:00:00", tick=False) as clock:
        codes = second_factor.confirm(admin, key, code_by(bytes.fromhex(key)))
        clock.shift(60)
        assert passed() == 1

        # The control: nobody waits for the device, and all look before the first has used the code.
        def without_a_lock(user: User, device_id: str, code: str) -> Device | None:
            device = Device.from_persistent_id(device_id)
            gate.wait(60)
            return device if device.verify_token(code) else None

        def use_up(token: StaticToken, real: Callable = StaticToken.delete) -> None:
            gate.wait(60)
            real(token)

        monkeypatch.setattr(second_factor, "verify_token", without_a_lock)
        monkeypatch.setattr(StaticToken, "delete", use_up)
        clock.shift(60)
        assert passed() == 20


def accepts_in_thread(user: User, code: str, gate: threading.Barrier) -> bool:
    gate.wait(60)
    try:
        return second_factor.accepts(user, code)
    finally:
        connections.close_all()
