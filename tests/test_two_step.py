"""Two-step login: who turned it on needs a code besides the password; no code works twice."""

import time

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.admin import second_factor
from core.models import User
from tests.base import client_of, messages_of

PASSWORD = "Harbour-lights-7"
PAGE = "/admin/two-step/"


def code_of(user: User) -> str:
    """What the user's app shows now."""
    device = TOTPDevice.objects.get(user=user)
    app = TOTP(device.bin_key)
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
    second_factor.begin(bob)
    codes = second_factor.confirm(bob, code_of(bob))
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


def test_it_is_turned_on_by_a_code_of_the_app_and_gives_backup_codes_once(clock, bob):
    client = client_of(bob)
    page = client.get(PAGE).content.decode()
    assert "<svg" in page and "Backup codes" not in page
    response = client.post(PAGE, {"code": code_of(bob)})
    assert second_factor.is_on(bob)
    assert len(set(response.context["backup_codes"])) == second_factor.BACKUP_CODES
    again = client.get(PAGE).content.decode()
    assert not any(code in again for code in response.context["backup_codes"])
    assert TOTPDevice.objects.get(user=bob).key not in again
    assert LogEntry.objects.get().change_message == "Turned two-step login on."


def test_a_wrong_first_code_turns_nothing_on(clock, bob):
    client = client_of(bob)
    client.get(PAGE)
    response = client.post(PAGE, {"code": "000000"})
    assert "wrong" in response.context["form"].errors["code"][0]
    assert not second_factor.is_on(bob)


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


def test_a_right_code_does_not_make_up_for_a_wrong_password(backup_codes, bob):
    response = log_in(code_of(bob), password="wrong")
    assert "code" not in str(response.context["form"].errors)
    assert response.status_code == 200
    assert log_in(code_of(bob)).status_code == 302  # nor is it used up


def test_who_guesses_codes_has_to_wait_even_with_the_right_one(backup_codes, bob, clock):
    for _guess in range(4):
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


def test_secrets_are_on_no_page_of_the_desk(alice):
    client = client_of(alice)
    for model in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert client.get(f"/admin/{model}/").status_code == 404
