"""One-time links: good once, for a while, for nobody but the customer."""

import re
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from core.models import Customer, User
from core.pages import invitations
from tests.base import client_of, messages_of, new_staff

PASSWORD = "Harbour-lights-7"
NEW = {"new_password1": PASSWORD, "new_password2": PASSWORD}


def made(client: Client, customer: Customer, **form: str) -> str:
    """The path of the link that the desk's page shows."""
    response = client.post(f"/admin/core/customer/{customer.pk}/portal-link/", form)
    return re.search(r"http://testserver(/portal/welcome/[^<]+)", response.content.decode())[1]


def opened(link: str, client: Client | None = None):
    """The form that a link leads to, and who has it open."""
    client = client or Client()
    return client, client.get(link, follow=True)


def used(link: str, client: Client | None = None):
    client, page = opened(link, client)
    return client.post(page.request["PATH_INFO"], NEW)


def is_void(link: str) -> bool:
    return opened(link)[1].status_code == 410


def test_a_customer_sets_the_password_of_a_new_login_and_is_in(bob, erin):
    link = made(client_of(bob), erin)
    client, page = opened(link)
    assert page.status_code == 200 and "erin" in page.content.decode()
    response = client.post(page.request["PATH_INFO"], NEW)
    assert (response.status_code, response.url) == (302, "/portal/")
    assert client.get("/portal/").status_code == 200
    user = Customer.objects.get(pk=erin.pk).user
    assert user.check_password(PASSWORD)
    assert (user.username, user.is_staff, user.is_superuser) == ("erin", False, False)
    told = LogEntry.objects.order_by("pk").values_list("user__username", "change_message")
    assert [name for name, _text in told] == ["bob", "erin"]
    assert "link created for the login erin" in told[0][1]
    login = Client().post("/portal/login/", {"username": "erin", "password": PASSWORD})
    assert (login.status_code, login.url) == (302, "/portal/")


def test_the_token_leaves_the_address_before_the_form_is_shown(bob, erin):
    link = made(client_of(bob), erin)
    first = Client().get(link)
    assert first.status_code == 302
    assert first.headers["Referrer-Policy"] == "no-referrer"
    token = link.split("/")[4]
    _client, page = opened(link)
    assert token not in page.request["PATH_INFO"] and token not in page.content.decode()
    for response in (first, page):
        assert "no-store" in response.headers["Cache-Control"]


def test_a_link_is_void_once_it_was_used(bob, erin):
    link = made(client_of(bob), erin)
    client, page = opened(link)  # open in a second browser before the first one uses it
    assert used(link).status_code == 302
    assert is_void(link)
    password = User.objects.get(username="erin").password
    assert client.post(page.request["PATH_INFO"], NEW).status_code == 410
    assert User.objects.get(username="erin").password == password


def test_a_newer_link_and_another_password_make_a_link_void(bob, erin):
    client = client_of(bob)
    first = made(client, erin)
    second = made(client, erin)
    assert is_void(first) and not is_void(second)
    user = User.objects.get(username="erin")
    user.set_password(PASSWORD)
    user.save()
    assert is_void(second)


def test_a_link_ends_after_the_hours_that_are_set(bob, erin, settings):
    settings.PASSWORD_RESET_TIMEOUT = 3600
    link = made(client_of(bob), erin)
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        assert not is_void(link)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert is_void(link)


def test_no_link_opens_the_login_of_staff(bob, alice, erin):
    """Not when it is made, and not when its user became staff, or was switched off, since."""
    Customer.objects.update(user=alice)
    page = f"/admin/core/customer/{erin.pk}/portal-link/"
    response = client_of(bob).post(page, follow=True)
    assert messages_of(response) == ["This login is not for the customer portal."]
    for change in ({"is_staff": True}, {"is_superuser": True}, {"is_active": False}):
        user = User.objects.create(username=str(change))
        Customer.objects.update(user=user)
        link = invitations.invite(Customer.objects.get(), actor=None)
        User.objects.filter(pk=user.pk).update(**change)
        assert is_void(link), change
    assert not User.objects.exclude(password="").filter(is_staff=True).exists()


def test_a_login_that_has_the_customers_name_is_left_to_its_owner(bob, erin, alice):
    Customer.objects.filter(pk=erin.pk).update(username="alice")
    made(client_of(bob), erin)
    erin.refresh_from_db()
    assert erin.user.username == f"alice-{erin.pk}"
    Customer.objects.filter(pk=erin.pk).update(username="with spaces & 字", user=None)
    made(client_of(bob), erin)
    erin.refresh_from_db()
    assert erin.user.username == f"customer-{erin.pk}"


def test_a_switched_off_customer_gets_no_link(bob, erin):
    link = made(client_of(bob), erin)
    Customer.objects.update(active=False)
    assert is_void(link)
    response = client_of(bob).post(f"/admin/core/customer/{erin.pk}/portal-link/", follow=True)
    assert messages_of(response) == ["This customer is switched off."]


def test_a_link_goes_out_by_mail_where_there_is_a_server(bob, erin, settings, mailoutbox):
    made(client_of(bob), erin, email="erin@example.com")
    assert not mailoutbox
    settings.EMAIL_HOST = "mail.example.com"
    link = made(client_of(bob), erin, email="erin@example.com")
    (mail,) = mailoutbox
    assert mail.to == ["erin@example.com"] and f"http://testserver{link}\n" in mail.body
    assert "Sent to erin@example.com" in LogEntry.objects.first().change_message
    assert not is_void(link)


def test_a_mail_server_that_is_gone_leaves_the_link_to_be_copied(bob, erin, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    response = client_of(bob).post(
        f"/admin/core/customer/{erin.pk}/portal-link/", {"email": "erin@example.com"}
    )
    text = response.content.decode()
    assert "could not be sent to erin@example.com" in text and "/portal/welcome/" in text


@pytest.mark.parametrize("who", ["carol", "dave"])
def test_who_may_not_change_customers_makes_no_link(who, carol, dave, erin):
    user = User.objects.get(username=who)
    page = f"/admin/core/customer/{erin.pk}/portal-link/"
    for send in (client_of(user).get, client_of(user).post):
        assert send(page).status_code == 403
    erin.refresh_from_db()
    assert erin.user is None and erin.invited is None


def test_wrong_passwords_lock_the_portal_as_they_lock_the_desk(erin):
    user = User.objects.create_user("erin", password=PASSWORD)
    Customer.objects.update(user=user)
    client = Client()
    for _ in range(5):
        assert (
            client.post("/portal/login/", {"username": "erin", "password": "x"}).status_code == 200
        )
    locked = client.post("/portal/login/", {"username": "erin", "password": "x"})
    assert locked.status_code == 429 and b"Ask the desk for a link" in locked.content
    right = {"username": "erin", "password": PASSWORD}
    assert client.post("/portal/login/", right).status_code == 429
    assert client.post("/admin/login/", right).status_code == 429


def test_staff_do_not_log_in_at_the_portal_nor_who_has_no_customer(db):
    staff = new_staff("bob")
    staff.set_password(PASSWORD)
    staff.save()
    User.objects.create_user("nobody", password=PASSWORD)
    for name, told in (("bob", "Staff log in at the desk"), ("nobody", "switched off")):
        page = Client().post("/portal/login/", {"username": name, "password": PASSWORD})
        assert page.status_code == 200 and told in page.content.decode()
        assert "sessionid" not in page.cookies


def test_a_login_leads_to_a_page_of_the_portal_only(erin):
    user = User.objects.create_user("erin", password=PASSWORD)
    Customer.objects.update(user=user)
    form = {"username": "erin", "password": PASSWORD}
    for asked, led in (
        ("/portal/balance/", "/portal/balance/"),
        ("/admin/", "/portal/"),
        ("https://evil.example/portal/", "/portal/"),
        ("//evil.example/portal/", "/portal/"),
    ):
        assert Client().post("/portal/login/", {**form, "next": asked}).url == led


def test_the_demo_prints_a_customers_password_once(policies, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    told, again = StringIO(), StringIO()
    call_command("demo_data", stdout=told)
    call_command("demo_data", stdout=again)
    name, password = re.search(
        r"Demo customer .*: (\S+) +password: (\S+)", told.getvalue()
    ).groups()
    assert (
        Client().post("/portal/login/", {"username": name, "password": password}).status_code == 302
    )
    assert "password" not in again.getvalue()
