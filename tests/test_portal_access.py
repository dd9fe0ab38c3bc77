"""Who gets what on the customers' pages: every address, every method, for the owner, another
customer, staff and a visitor. Nobody but the owner reads or changes anything of the owner's.
"""

from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from core import ordering
from core.models import (
    Calibration,
    ChargeRecord,
    Customer,
    LedgerEntry,
    Message,
    Order,
    OrderEvent,
    ReadMarker,
    Site,
    User,
)
from core.ordering import Quote
from core.portal import errors
from tests.base import BACKEND, VIDEO, client_of, placed

OK, DONE, GO, NO, GONE, METHOD, VOID = 200, 204, 302, 403, 404, 405, 410
# What the owner, another customer, staff and a visitor get.
OWN = (OK, OK, NO, GO)  # everybody their own
ONE = (OK, GONE, NO, GO)  # one object of the owner's
ACT = (GO, GONE, NO, GO)
NEVER = (METHOD, METHOD, NO, GO)

# By address: GET (and HEAD), POST. All other methods are refused.
PAGES = {
    "": (OWN, NEVER),
    "orders.csv": (OWN, NEVER),
    "orders/new/": (OWN, OWN),
    "orders/quote/": (OWN, NEVER),
    "orders/{oid}/": (ONE, NEVER),
    "orders/{oid}/cancel/": (ONE, ACT),
    "orders/{oid}/message/": (NEVER, ACT),
    "orders/{oid}/read/": (NEVER, (DONE, GONE, NO, GO)),
    "audits/{audit}/": (ONE, NEVER),
    "balance/": (OWN, NEVER),
    "balance.csv": (OWN, NEVER),
    "password/": (OWN, OWN),
    "login/": ((GO, GO, GO, OK),) * 2,
    "logout/": ((METHOD,) * 4, (GO,) * 4),
    "welcome/{uid}/{token}/": ((VOID,) * 4, (VOID,) * 4),
}
# To these nobody needs to be logged in, so that a wrong method is told to everybody.
FOR_VISITORS = ("login/", "logout/", "welcome/{uid}/{token}/")


@pytest.fixture
def other(frank):
    return with_login(frank)


@pytest.fixture
def order(owner, site, demo_site, policies):
    return ordering.place(
        Quote.prepare(owner, demo_site.address(VIDEO), 10_000), owner.user, memo="desk only"
    )


def with_login(customer: Customer) -> Customer:
    customer.user = User.objects.create(username=customer.username)
    customer.save(update_fields=["user"])
    return customer


def audit_of(customer: Customer, site: Site) -> Calibration:
    """One that has ended."""
    return Calibration.objects.create(
        customer=customer,
        site=site,
        url=f"{site.origin}/videos/other",
        video_id="other",
        price=1,
        status=Calibration.Status.DONE,
    )


def everything() -> list:
    models = (Customer, ChargeRecord, LedgerEntry, Order, OrderEvent, Message, ReadMarker)
    rows = [list(model.objects.order_by("pk").values()) for model in models]
    return [*rows, list(User.objects.order_by("pk").values("pk", "password", "is_active"))]


def body_of(response) -> str:
    return b"".join(response).decode()


def statuses_of(page: str) -> dict[str, tuple]:
    seen, sent = PAGES[page]
    nowhere = (METHOD,) * 4 if page in FOR_VISITORS else NEVER
    return {"get": seen, "head": seen, "post": sent} | dict.fromkeys(
        ("put", "patch", "delete", "options"), nowhere
    )


@pytest.mark.slow
def test_every_address_by_every_method_gives_only_what_is_ones_own(order, other, bob):
    names = {
        "oid": order.oid,
        "audit": audit_of(order.customer, order.site).pk,
        "uid": urlsafe_base64_encode(force_bytes(order.customer.user.pk)),
        "token": "cy1abc-0123456789abcdef",
    }
    users = (order.customer.user, other.user, bob, None)
    got, expected = {}, {}
    # The owner last, who may change something.
    for place, user in reversed(list(enumerate(users))):
        client = Client()
        for page in PAGES:
            for method, statuses in statuses_of(page).items():
                if user is not None:
                    client.force_login(user, backend=BACKEND)
                before = everything()
                response = getattr(client, method)("/portal/" + page.format(**names))
                got[page, method, place] = response.status_code
                expected[page, method, place] = statuses[place]
                if place:
                    assert everything() == before, (page, method, place)
                    body = body_of(response)
                    assert order.url not in body, (page, method, place)
                    assert "20.00" not in body and "15.00" not in body, (page, method, place)
    assert got == expected


def test_every_address_of_the_portal_is_in_the_table():
    def leaves(resolver, prefix=""):
        for entry in resolver.url_patterns:
            route = prefix + str(entry.pattern)
            yield from [route] if isinstance(entry, URLPattern) else leaves(entry, route)

    def shape(route):
        return "/".join("<>" if part[:1] in "<{" else part for part in route.split("/"))

    served = {shape(route[7:]) for route in leaves(get_resolver()) if route.startswith("portal/")}
    assert served == {shape(page) for page in PAGES}


@pytest.mark.parametrize("what", ["customer", "user"])
def test_who_is_switched_off_is_out_at_once(owner, what):
    client = client_of(owner.user)
    assert client.get("/portal/").status_code == OK
    if what == "customer":
        Customer.objects.update(active=False)
    else:
        User.objects.update(is_active=False)
    response = client.get("/portal/")
    assert response.status_code == (NO if what == "customer" else GO)
    assert client.post("/portal/orders/new/").status_code == GO  # the session is over


def test_a_customer_who_opens_the_desk_is_brought_home_and_staff_are_told(owner, bob):
    client = client_of(owner.user)
    response = client.get("/admin/core/order/", follow=True)
    assert response.redirect_chain[-1] == ("/portal/", GO)
    assert client.get("/", follow=True).redirect_chain[-1] == ("/portal/", GO)
    page = client_of(bob).get("/portal/")
    assert page.status_code == NO
    assert "who works at the desk" in page.content.decode()


@pytest.mark.parametrize("where", ["desk", "portal"])
def test_who_sends_something_after_the_session_ended_goes_on_at_its_page(
    owner, harbour, where, bob
):
    """Many an address that takes a button's press shows nothing."""
    order = placed(owner, harbour)
    page, button, home, user = {
        "desk": (f"/admin/core/order/{order.pk}/change/?a=%26", "pause", "/admin/", bob),
        "portal": (f"/portal/orders/{order.oid}/", "message", "/portal/", owner.user),
    }[where]
    address = f"{page.partition('change')[0]}{button}/"
    came_from = {
        f"http://testserver{page}#conversation": page,
        "https://elsewhere.example/x": home,
        "//elsewhere.example/x": home,
        "": home,
    }
    for referer, expected in came_from.items():
        answer = Client().post(address, headers={"Referer": referer})
        there = urlsplit(answer.url)
        assert (there.netloc, there.path) == ("", f"{home}login/")
        assert parse_qs(there.query)["next"] == [expected]
    assert client_of(user).get(page).status_code == OK
    assert client_of(user).get(address).status_code == METHOD


def test_who_logs_out_after_the_session_ended_can_log_in_again(bob):
    answer = Client().post("/admin/logout/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/admin/login/")
    sent_on = parse_qs(urlsplit(answer.redirect_chain[-1][0]).query)["next"][0]
    assert client_of(bob).get(sent_on).status_code == OK


@pytest.mark.parametrize("send", ["get", "post"])
@pytest.mark.parametrize("path", ["/portal/", "/admin/home/", "/nothing/"])
def test_a_name_that_is_not_the_offices_is_answered_by_a_page(send, path, settings):
    settings.ALLOWED_HOSTS = ["office.example"]
    visitor = Client(headers={"host": "other.example", "referer": "http://other.example/"})
    answer = getattr(visitor, send)(path)
    assert answer.status_code == 400
    assert "Check the address." in answer.content.decode()


def test_the_answer_to_a_form_leads_to_its_page_in_the_other_language(owner, harbour):
    page = f"/portal/orders/{placed(owner, harbour).oid}/"
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user, backend=BACKEND)
    came_from = {"Referer": f"http://testserver{page}"}
    refused = client.post(f"{page}message/", {"text": "late"}, headers=came_from)
    assert refused.status_code == NO
    assert f'name="next" value="{page}"' in refused.content.decode()


def test_customers_read_nothing_of_the_desks_own(order, alice):
    """No memo, remark, note or name of the staff, and nothing of how consumers work."""
    order.customer.memo = "pays late"
    order.customer.save(update_fields=["memo"])
    Order.objects.update(attention="counter fell", fence=7_654_321)
    ChargeRecord.objects.create(
        customer=order.customer, amount=Decimal("1.00"), creator_id=alice.pk, memo="by wire"
    )
    OrderEvent.objects.create(
        order=order, from_status=1, to_status=2, creator=alice, reason="worker 5"
    )
    client = client_of(order.customer.user)
    pages = ["", "orders.csv", f"orders/{order.oid}/", "balance/", "balance.csv"]
    told = "".join(body_of(client.get(f"/portal/{page}")) for page in pages)
    assert order.oid in told and "+1.00" in told
    for word in (
        "desk only",
        "pays late",
        "counter fell",
        "by wire",
        "worker 5",
        "alice",
        "7654321",
        "7,654,321",
    ):
        assert word not in told.replace(order.oid, ""), word


def test_error_pages_of_the_portal_lead_customers_home_and_those_of_the_desk_staff(owner, bob):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user, backend=BACKEND)
    told = [
        (client.get("/portal/nowhere/"), GONE, "There is nothing at this address"),
        (client.post("/portal/orders/new/"), NO, "Form out of date"),
        (errors.server_error(RequestFactory().get("/portal/")), 500, "That was our fault"),
        (errors.bad_request(RequestFactory().get("/portal/"), Exception()), 400, "Check the"),
        (errors.not_allowed(RequestFactory().get("/portal/"), Exception()), NO, "may not do this"),
    ]
    for response, status, words in told:
        body = response.content.decode()
        assert response.status_code == status
        assert words in body and 'href="/portal/"' in body and "/admin/" not in body
    assert "/admin/" in client_of(bob).get("/nowhere/").content.decode()


def test_no_script_runs_in_the_portal_but_the_offices_own_files(owner):
    policy = client_of(owner.user).get("/portal/").headers["Content-Security-Policy"]
    assert "script-src 'self';" in f"{policy};"
