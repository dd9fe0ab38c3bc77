"""Who may open and who may send what: each role, each page, GET and POST.

A cell is the status a role gets. An anonymous visitor is sent to the login (302) everywhere.
"""

from datetime import time

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from core import ordering
from core.bulk import selection
from core.importing import jobs
from core.importing.uploads import new_job
from core.models import (
    ApprovalLimit,
    BulkJob,
    Calibration,
    ChargeRecord,
    CounterReading,
    Customer,
    ImportJob,
    LedgerEntry,
    LoginCount,
    Message,
    Order,
    OrderEvent,
    PricePolicy,
    Repeat,
    Side,
    Site,
    SiteCheck,
    TopUpCorrection,
    User,
    WaitingTopUp,
)
from core.ordering import Quote
from tests.base import VIDEO, client_of, new_staff

ROLES = ("alice", "bob", "carol", "dave")
OK, DONE, NO, METHOD, GO, GONE = 200, 204, 403, 405, 302, 404

# Every page: what alice, bob, carol and dave get for GET, then for an empty POST.
# A form that is refused for what is missing in it answers 200: it was let in.
PAGES = {
    "/admin/": ((OK, OK, OK, OK), (OK, OK, OK, OK)),
    "/admin/home/": ((OK, OK, OK, OK), (OK, OK, OK, OK)),
    "/admin/board/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/queue/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/pauses/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/pauses/office/pause/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/pauses/office/resume/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/two-step/": ((OK,) * 4, (OK,) * 4),
    "/admin/core/order/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/order/add/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/order/{order}/change/": ((OK, OK, OK, NO), (GO, GO, NO, NO)),
    "/admin/core/order/{order}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/order/{order}/buttons/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/order/{order}/cancel/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/settle/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/pause/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/resume/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/catch_up/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/repeat/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/repeat/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/repeat/add/": ((NO,) * 4, (NO,) * 4),
    "/admin/core/repeat/{repeat}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/repeat/{repeat}/delete/": ((NO,) * 4, (NO,) * 4),
    "/admin/core/repeat/{repeat}/end/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/repeat/{repeat}/seen/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/approve/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/decline/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/message/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/read/": ((METHOD,) * 4, (DONE, DONE, DONE, NO)),
    "/admin/core/conversation/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/conversation/add/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/conversation/{talk}/change/": ((GO, GO, GO, NO), (GO, GO, GO, NO)),
    "/admin/core/conversation/{talk}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/order/{order}/seen/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/{order}/retry/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/order/quote/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/order/find/": ((GO, GO, GO, NO), (GO, GO, GO, NO)),
    "/admin/core/order/several/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/order/creators/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/order/sums/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/order/columns/": ((METHOD,) * 4, (GO, GO, GO, NO)),
    "/admin/core/order/export/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/customer/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/customer/add/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/customer/{customer}/change/": ((OK, OK, OK, NO), (OK, OK, NO, NO)),
    "/admin/core/customer/{customer}/portal-link/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/customer/{customer}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/customer/import/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/chargerecord/import/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/order/import/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/customer/import/template.csv": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/customer/import/template.xlsx": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/chargerecord/import/template.csv": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/chargerecord/import/template.xlsx": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/order/import/template.csv": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/order/import/template.xlsx": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/importjob/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/importjob/add/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/importjob/{job}/change/": ((OK, OK, OK, NO), (GO, NO, NO, NO)),
    "/admin/core/importjob/{job}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/importjob/{job}/panel/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/importjob/{job}/again/{choice}/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/importjob/{job}/errors/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/importjob/{job}/errors.csv": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/importjob/{job}/refused.csv": ((GONE, NO, NO, NO), (GONE, NO, NO, NO)),
    "/admin/core/importjob/{job}/load/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/importjob/{job}/stop/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/importjob/{job}/undo/": ((GO, NO, NO, NO), (GO, NO, NO, NO)),
    "/admin/core/bulkjob/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/bulkjob/add/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/bulkjob/{bulk}/change/": ((OK, OK, OK, NO), (GO, NO, NO, NO)),
    "/admin/core/bulkjob/{bulk}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/bulkjob/{bulk}/panel/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/bulkjob/{bulk}/refused.csv": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/bulkjob/{bulk}/fill/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/bulkjob/{bulk}/start/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/bulkjob/{bulk}/stop/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/customer/export/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/chargerecord/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/chargerecord/add/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/chargerecord/{charge}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/chargerecord/{charge}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/chargerecord/{charge}/correct/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/chargerecord/preview/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/chargerecord/columns/": ((METHOD,) * 4, (GO, GO, GO, NO)),
    "/admin/core/topupcorrection/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/topupcorrection/add/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/topupcorrection/{correction}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/topupcorrection/{correction}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/topupcorrection/{correction}/approve/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/topupcorrection/{correction}/decline/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/waitingtopup/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/waitingtopup/add/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/waitingtopup/{top_up}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/waitingtopup/{top_up}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/waitingtopup/{top_up}/approve/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/waitingtopup/{top_up}/decline/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/chargerecord/export/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/ledgerentry/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/ledgerentry/add/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/ledgerentry/{entry}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/ledgerentry/{entry}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/ledgerentry/export/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/pricepolicy/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/pricepolicy/add/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/pricepolicy/{policy}/change/": ((OK, OK, OK, NO), (OK, NO, NO, NO)),
    "/admin/core/pricepolicy/{policy}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/approvallimit/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/approvallimit/add/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/approvallimit/{limit}/change/": ((OK, OK, OK, NO), (OK, NO, NO, NO)),
    "/admin/core/approvallimit/{limit}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/logincount/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/logincount/add/": ((NO,) * 4, (NO,) * 4),
    "/admin/core/logincount/{login}/change/": ((OK, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/logincount/{login}/delete/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/site/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/site/add/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/site/{site}/change/": ((OK, OK, OK, NO), (OK, OK, NO, NO)),
    "/admin/core/site/{site}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/site/{site}/verify/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/probe/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/pause/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/resume/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/catch_up/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/try/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/read/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/forget/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/forget_lag/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    # This site has none.
    "/admin/core/site/{site}/recipe.json": ((GONE, GONE, GONE, NO), (GONE, GONE, GONE, NO)),
    "/admin/core/site/wizard/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/site/{site}/calibrate/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/waive/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/calibration/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/calibration/add/": ((OK, OK, NO, NO), (OK, OK, NO, NO)),
    "/admin/core/calibration/{calibration}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/calibration/{calibration}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/calibration/{calibration}/stop/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/calibration/{calibration}/take/": ((METHOD,) * 4, (GO, GO, NO, NO)),
    "/admin/core/site/{site}/plays.csv": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/site/{site}/token/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/sitecheck/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/sitecheck/add/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/sitecheck/{check}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/sitecheck/{check}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/orderevent/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/orderevent/add/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/orderevent/{event}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/orderevent/{event}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/counterreading/": ((OK, OK, OK, NO), (OK, OK, OK, NO)),
    "/admin/core/counterreading/add/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/counterreading/{reading}/change/": ((OK, OK, OK, NO), (NO, NO, NO, NO)),
    "/admin/core/counterreading/{reading}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/user/": ((OK, NO, OK, NO), (OK, NO, OK, NO)),
    "/admin/core/user/add/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/user/{user}/change/": ((OK, NO, OK, NO), (OK, NO, NO, NO)),
    "/admin/core/user/{user}/two_step_off/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/user/{user}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/user/{user}/password/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/administrator/": ((OK, NO, OK, NO), (OK, NO, OK, NO)),
    "/admin/core/administrator/add/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/core/administrator/{user}/change/": ((OK, NO, OK, NO), (OK, NO, NO, NO)),
    "/admin/core/administrator/{user}/two_step_off/": ((METHOD,) * 4, (GO, NO, NO, NO)),
    "/admin/core/administrator/{user}/delete/": ((NO, NO, NO, NO), (NO, NO, NO, NO)),
    "/admin/core/administrator/{user}/password/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/auth/group/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
    "/admin/auth/group/add/": ((OK, NO, NO, NO), (OK, NO, NO, NO)),
}

# Who sees a list may keep filters of it; an empty form asks for nothing that there is.
PAGES |= {
    f"{page}filters/": ((METHOD,) * 4, tuple(GONE if code == OK else NO for code in seen))
    for page, (seen, _sent) in PAGES.items()
    if page.startswith("/admin/core/") and page.count("/") == 4
}

# What may be looked at has a history that may be.
PAGES |= {
    page.replace("/change/", "/history/"): (seen, seen)
    for page, (seen, _sent) in PAGES.items()
    if page.endswith("/change/")
}


@pytest.fixture
def rows(alice, bob, carol, dave, erin, site, demo_site, policies, tmp_path, settings):
    """One row of everything, by the names in the addresses."""
    settings.DATA_DIR = tmp_path
    job = new_job(ImportJob.Kind.CUSTOMERS, "a.csv", iter([b"username\n<\n"]), creator=alice)
    jobs.run(job.pk)
    order = ordering.place(Quote.prepare(erin, demo_site.address(VIDEO), 10_000), None)
    login = User.objects.create(username="erin")
    Customer.objects.filter(pk=erin.pk).update(user=login)
    Message.objects.append(order, login, Side.CUSTOMER, "Is it stuck?")
    bulk = selection.new_job(BulkJob.Action.TOP_UP, Customer.objects.all(), creator=alice)
    return {
        "order": order.pk,
        "talk": order.pk,
        "bulk": bulk.pk,
        "choice": "decimal-point",
        "job": job.pk,
        "customer": erin.pk,
        "charge": ChargeRecord.objects.get().pk,
        "top_up": WaitingTopUp.objects.create(customer=erin, amount=1, creator=dave).pk,
        "correction": TopUpCorrection.objects.create(
            charge=ChargeRecord.objects.get(), right_amount=19, amount=-1, creator=dave
        ).pk,
        "entry": LedgerEntry.objects.first().pk,
        "limit": ApprovalLimit.objects.create(amount=1000).pk,
        "login": LoginCount.objects.create(name="eve", end_date=timezone.now()).pk,
        "policy": PricePolicy.objects.first().pk,
        "repeat": ordering.repeat(order, alice, every=Repeat.Every.DAY, at=time(9)).pk,
        "site": site.pk,
        "calibration": Calibration.objects.create(site=site, video_id="v", status=2).pk,
        "check": SiteCheck.objects.first().pk,
        "event": OrderEvent.objects.get().pk,
        "reading": CounterReading.objects.create(order=order, views=1, done=0).pk,
        "user": dave.pk,
    }


def money_and_rights() -> list:
    return [
        list(model.objects.order_by("pk").values())
        for model in (Customer, ChargeRecord, LedgerEntry, Order, OrderEvent, PricePolicy, Site)
    ] + [list(User.objects.order_by("pk").values("pk", "is_superuser", "is_staff", "password"))]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.slow
def test_what_each_role_may_open_and_send(role, rows):
    client = client_of(User.objects.get(username=role))
    column = ROLES.index(role)
    got, expected = {}, {}
    for page, answers in PAGES.items():
        address = page.format(**rows)
        for method, row in zip(("get", "post"), answers, strict=True):
            before = money_and_rights()
            got[method, page] = getattr(client, method)(address).status_code
            expected[method, page] = row[column]
            if got[method, page] in (NO, METHOD):
                assert money_and_rights() == before, (method, page)
    assert got == expected


def test_visitors_get_nothing_but_the_login(rows):
    client = Client()
    for page in PAGES:
        for send in (client.get, client.post):
            response = send(page.format(**rows))
            assert response.status_code == 302, page
            assert response.url.startswith("/admin/login/"), page


def test_customers_with_a_login_get_no_further_than_visitors(rows):
    client = client_of(User.objects.get(username="erin"))
    for page in PAGES:
        response = client.get(page.format(**rows))
        assert response.status_code == 302, page
        assert response.url.startswith("/admin/login/"), page
    assert client.get("/admin/login/").url == "/portal/"


def test_every_page_of_the_desk_is_in_the_table():
    def leaves(resolver, prefix=""):
        for entry in resolver.url_patterns:
            route = prefix + str(entry.pattern)
            yield from [route] if isinstance(entry, URLPattern) else leaves(entry, route)

    def shape(address):
        parts = address.strip("/").split("/")
        return "/".join("<>" if part[:1] in "<{" else part for part in parts)

    served = {shape(route) for route in leaves(get_resolver()) if route.startswith("admin/core/")}
    tested = {shape(page) for page in PAGES}
    # Django's redirect from <id>/ to <id>/change/.
    redirects = {f"admin/core/{route.split('/')[2]}/<>" for route in served}
    assert served - redirects - tested == set()


def test_posts_without_the_csrf_token_are_refused(rows, bob):
    client = client_of(bob, enforce_csrf_checks=True)
    before = money_and_rights()
    for page in ("order/add", "order/{order}/cancel", "chargerecord/add", "site/{site}/verify"):
        response = client.post(f"/admin/core/{page}/".format(**rows))
        assert response.status_code == 403, page
    assert money_and_rights() == before


@pytest.fixture
def with_every_permission(bob):
    """Bob has all that Django knows and is no super administrator."""
    bob.user_permissions.set(Permission.objects.all())
    return client_of(bob)


def test_nobody_but_a_super_administrator_changes_a_login(with_every_permission, alice, bob, carol):
    """No flag, no group, no password; also where the flag alone tells the super administrator."""
    gone = User.objects.create(username="gone", is_superuser=True, is_staff=False)
    portal = User.objects.create(username="portal")
    rights = {"is_active": "on", "is_staff": "on", "is_superuser": "on", "groups": ["1"]}
    passwords = {"password1": "Kj3-of9d-Pq1", "password2": "Kj3-of9d-Pq1"}
    before = list(User.objects.order_by("pk").values())
    for kind in ("user", "administrator"):
        for login in (alice, bob, carol, gone, portal):
            page = f"/admin/core/{kind}/{login.pk}"
            for address, sent in (("change", rights), ("password", passwords)):
                answer = with_every_permission.post(f"{page}/{address}/", sent | {"username": "x"})
                assert answer.status_code in (NO, GO)
                assert answer.status_code == NO or answer.url == "/admin/"  # not in this list
        answer = with_every_permission.post(f"/admin/core/{kind}/add/", passwords)
        assert answer.status_code == NO
    assert list(User.objects.order_by("pk").values()) == before


def test_nobody_but_a_super_administrator_changes_a_group(with_every_permission, bob):
    group = Group.objects.get(name="Administrators")
    everything = list(Permission.objects.values_list("pk", flat=True))
    before = set(group.permissions.all())
    sent = {"name": "Administrators", "permissions": everything}
    page = f"/admin/auth/group/{group.pk}"
    for address in (f"{page}/change/", f"{page}/delete/", "/admin/auth/group/add/"):
        answer = with_every_permission.post(address, sent | {"post": "yes"})
        assert answer.status_code == NO, address
    assert set(group.permissions.all()) == before
    assert with_every_permission.get(f"{page}/change/").status_code == OK


def test_a_group_and_the_choice_of_groups_say_what_its_people_can_do(alice, dave):
    client = client_of(alice)
    group = Group.objects.get(name="Bookkeepers")
    assert (
        "top customers up, also by upload"
        in client.get(f"/admin/auth/group/{group.pk}/change/").content.decode()
    )
    page = client.get(f"/admin/core/administrator/{dave.pk}/change/").content.decode()
    assert "<b>Approvers</b>: see orders and conversations; " in page
    assert "approve or decline other people&#x27;s orders" in page


def test_who_may_add_customers_but_not_change_them_imports_new_ones_only(erin, dave):
    dave.user_permissions.set(
        Permission.objects.filter(codename__in=("add_customer", "view_customer"))
    )
    page = client_of(dave).get("/admin/core/customer/import/").content.decode()
    assert "update" not in page.lower().split("<form")[1].split("</form>")[0].lower()


def test_who_may_not_see_all_jobs_sees_their_own_alone(rows, dave):
    dave.user_permissions.add(Permission.objects.get(codename="add_chargerecord"))
    own = selection.new_job(BulkJob.Action.TOP_UP, Customer.objects.all(), creator=dave)
    lists = {"bulkjob/": [own.pk], "importjob/": [], "importjob/?q=a": []}
    for address, seen in lists.items():
        jobs_seen = client_of(dave).get(f"/admin/core/{address}").context["cl"].result_list
        assert [job.pk for job in jobs_seen] == seen, address


def test_who_may_change_orders_alone_opens_one_without_its_conversation(rows, dave):
    dave.user_permissions.add(Permission.objects.get(codename="change_order"))
    page = client_of(dave).get("/admin/core/order/{order}/change/".format(**rows))
    assert page.status_code == OK
    assert "Is it stuck?" not in page.content.decode()


def test_a_super_administrator_makes_staff_who_can_log_in(alice):
    client = client_of(alice)
    passwords = {"password1": "Kj3-of9d-Pq1", "password2": "Kj3-of9d-Pq1"}
    form = {"username": "grace", "mobile": "+8613800000000", "usable_password": "true"}
    response = client.post("/admin/core/administrator/add/", form | passwords)
    assert response.status_code == 302
    grace = User.objects.get(username="grace")
    assert (grace.is_staff, grace.is_superuser, grace.mobile) == (True, False, "+8613800000000")
    assert grace.check_password("Kj3-of9d-Pq1")


def test_a_switched_off_administrator_is_out_at_once(bob):
    client = client_of(bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert client.get("/admin/core/order/").status_code == 302
    assert not new_staff("zed", is_active=False).has_perm("core.view_order")
