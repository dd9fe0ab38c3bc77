"""What pages say where there is nothing, where something went wrong, and of their times."""

import re
from decimal import Decimal

import pytest
from django.test import Client

from core.models import BulkJob, ChargeRecord, Order, Site, Status
from office import unavailable
from tests.base import VIDEO, client_of, placed


def text_of(response) -> str:
    return response.content.decode()


def test_an_empty_list_says_whether_there_is_nothing_or_nothing_that_matches(super_desk, frank):
    nothing = text_of(super_desk.get("/admin/core/chargerecord/"))
    assert "There is nothing here yet." in nothing
    ChargeRecord.objects.create(customer=frank, amount=Decimal(5))
    assert "There is nothing here yet." not in text_of(super_desk.get("/admin/core/chargerecord/"))
    unmatched = text_of(super_desk.get("/admin/core/chargerecord/?q=nobody"))
    assert "Nothing matches." in unmatched
    assert "There is nothing here yet." not in unmatched


def test_a_history_without_a_change_says_so(super_desk, frank):
    history = text_of(super_desk.get(f"/admin/core/customer/{frank.pk}/history/"))
    assert "Nobody has changed anything here yet." in history


BUTTONS = ["/admin/core/order/1/pause/", "/admin/pauses/office/pause/", "/admin/logout/"]


@pytest.mark.parametrize("path", BUTTONS)
def test_who_comes_to_the_address_of_a_button_reads_that_nothing_was_done(desk, path):
    """From the browser's history, or after a login that does not know where the button was."""
    answer = desk.get(path)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert "press the button once more" in text_of(answer)


def test_a_customer_who_comes_to_the_address_of_a_button_reads_that_nothing_was_done(owner):
    answer = client_of(owner.user).get("/portal/logout/")
    assert answer.status_code == 405
    assert "/portal/" in text_of(answer)
    assert "press the button once more" in text_of(answer)


def test_no_login_is_promised_another_way_in(super_desk, bob):
    bob.set_password("Harbour-lights-7")
    bob.save(update_fields=["password"])
    for path in ("add/", f"{bob.pk}/password/"):
        form = text_of(super_desk.get(f"/admin/core/administrator/{path}"))
        assert "until a password is set" in form
        assert "LDAP" not in form


@pytest.mark.parametrize("path", ["/portal/", "/portal/orders/new/", "/portal/balance/"])
def test_a_page_says_on_whose_clock_its_times_are(owner, settings, path):
    settings.TIME_ZONE = "Asia/Shanghai"
    assert "Times are those of Asia/Shanghai." in text_of(client_of(owner.user).get(path))


def test_the_desk_says_on_whose_clock_its_times_are(desk, settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    assert "Times are those of Asia/Shanghai." in text_of(desk.get("/admin/core/order/"))


def test_the_focus_of_a_customers_form_is_where_to_type(owner, policies, site, demo_site):
    customer, new = client_of(owner.user), "/portal/orders/new/"
    assert focused(customer.get(new)) == ["url"]
    Site.objects.update(verified=True)  # for customers no other is asked
    wrong = {"url": demo_site.address(VIDEO), "count": "many"}
    assert focused(customer.post(new, wrong)) == ["count"]


def focused(response) -> list[str]:
    return [field.name for field in response.context["form"] if "autofocus" in field.as_widget()]


def test_an_error_page_of_the_portal_is_called_by_words(owner):
    page = text_of(client_of(owner.user).get("/portal/orders/none/"))
    assert "<title>Page not found ·" in page
    assert page.count("<h1>Page not found</h1>") == 1
    strict = Client(enforce_csrf_checks=True)
    assert "<title>Form out of date ·" in text_of(strict.post("/portal/login/"))


def test_pages_without_templates_fit_a_phone_and_are_dark_where_the_system_is():
    page = unavailable.busy_page()
    assert '<html lang="en">' in page
    assert 'content="width=device-width, initial-scale=1"' in page
    assert "color-scheme:light dark" in page


def test_columns_of_an_export_are_called_as_on_the_desk(super_desk):
    for language, name in (("en", "views before"), ("zh-hans", "开始前播放量")):
        super_desk.cookies["django_language"] = language
        labels = [
            str(field.label)
            for field in super_desk.get("/admin/core/order/export/").context["form"]
            if field.name.startswith("orderexport_")
        ]
        assert name in labels
        assert "Oid" not in labels


def test_numbers_of_a_list_are_grouped(super_desk, alice):
    BulkJob.objects.create(action=BulkJob.Action.TOP_UP, creator=alice, total=12_345)
    assert ">12,345<" in text_of(super_desk.get("/admin/core/bulkjob/"))


def test_each_help_text_of_the_desks_own_forms_is_found_by_its_field(
    erin, harbour, alice, settings
):
    settings.EMAIL_HOST = "localhost"
    charge, order = ChargeRecord.objects.get(customer=erin), placed(erin, harbour)
    desk = client_of(alice)
    for page in (
        f"chargerecord/{charge.pk}/correct/",
        f"order/{order.pk}/repeat/",
        f"customer/{erin.pk}/portal-link/",
        "customer/import/",
    ):
        text = desk.get(f"/admin/core/{page}").content.decode()
        named = re.findall(r'aria-describedby="([^"]+)"', text)
        assert named, page
        assert all(f'id="{name}"' in text for name in named), page


@pytest.mark.parametrize(
    ("about", "is_untouched"),
    [
        ({"status": Status.PAUSED}, True),
        ({"status": Status.PAUSED, "reserved": 9_000, "done": 8_000}, False),
        ({"status": Status.RUNNING}, False),  # plays may be on their way when it is asked to stop
    ],
)
def test_who_cancels_reads_what_is_paid_and_when_the_rest_comes_back(
    owner, site, about, is_untouched
):
    order = placed(owner, site)
    Order.objects.update(**about)
    page = text_of(client_of(owner.user).get(f"/portal/orders/{order.oid}/cancel/"))
    assert ("the whole price is refunded at once" in page) == is_untouched
    assert ("counter confirms" in page) != is_untouched
