"""When people want an order to start: said in form, portal, upload and command alike, kept by
whatever else happens to the order, and shown where the order is."""

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.forms import DateTimeField
from django.utils import timezone, translation

from booster.delivery import breaker as breakers
from core import ordering
from core.bulk import jobs, selection
from core.importing import jobs as imports, store
from core.importing.starts import starts as starts_of
from core.importing.uploads import new_job
from core.models import (
    Breaker,
    BulkJob,
    ImportJob,
    LedgerEntry,
    Order,
    Site,
    Status,
    TransitionError,
    transitions,
)
from core.ordering import OrderRefusedError, quote
from core.pages import display
from core.reasons import Code, reason_of, translate
from tests.base import VIDEO, client_of, placed

pytestmark = pytest.mark.django_db
ADD, PORTAL = "/admin/core/order/add/", "/portal/orders/new/"


def in_days(days: float) -> datetime:
    return (timezone.localtime() + timedelta(days=days)).replace(second=0, microsecond=0)


def typed(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


@pytest.fixture
def form(site, demo_site, policies):
    return {"url": demo_site.address(VIDEO), "count": 10_000}


@pytest.fixture
def later(erin, harbour):
    """An order that starts in three days."""
    return placed(erin, harbour, planned_start=in_days(3))


def is_due_as_planned() -> bool:
    order = Order.objects.get()
    return order.planned_start is not None and order.due == order.planned_start


def test_the_desks_form_keeps_the_start(desk, erin, form):
    start = in_days(3)
    desk.post(ADD, form | {"customer": erin.pk, "planned_start": typed(start)})
    assert Order.objects.get().planned_start == start
    assert is_due_as_planned()
    assert not Order.objects.free_to_claim().exists()


def test_the_portals_form_keeps_the_start(owner, form):
    start = in_days(3)
    Site.objects.update(verified=True)
    client_of(owner.user).post(PORTAL, form | {"hours": 0, "planned_start": typed(start)})
    assert Order.objects.get().planned_start == start
    assert is_due_as_planned()


PASSED = "This moment has passed; leave it empty to start at once."


@pytest.mark.parametrize("start", ["0001-01-01T00:00", "last year", "six minutes ago"])
def test_a_start_that_has_passed_is_refused_at_its_field(desk, erin, form, start):
    passed = {"last year": in_days(-365), "six minutes ago": in_days(-6 / 1440)}
    start = typed(passed[start]) if start in passed else start
    answer = desk.post(ADD, form | {"customer": erin.pk, "planned_start": start})
    assert answer.context["adminform"].form.errors == {"planned_start": [PASSED]}
    assert not Order.objects.exists()


def test_a_start_that_passed_while_the_form_was_filled_in_is_now(desk, erin, form):
    start = typed(in_days(-2 / 1440))
    desk.post(ADD, form | {"customer": erin.pk, "planned_start": start})
    order = Order.objects.get()
    assert order.planned_start is None
    assert order.due <= timezone.now()


def test_the_portal_and_several_orders_refuse_a_start_that_has_passed(desk, owner, form):
    form |= {"hours": 0, "planned_start": typed(in_days(-1))}
    answer = client_of(owner.user).post(PORTAL, form)
    assert answer.context["form"].errors["planned_start"] == [PASSED]
    several = {
        "request_key": "11111111-1111-4111-8111-111111111111",
        "customer": owner.pk,
        "addresses": form["url"],
        "_save": "on",
    }
    answer = desk.post("/admin/core/order/several/", form | several)
    assert answer.context["form"].errors["planned_start"] == [PASSED]
    assert not Order.objects.exists()


@pytest.mark.parametrize("start", ["9999-12-31T23:59", "far", "soon"])
def test_a_start_too_far_off_or_unreadable_is_refused_at_its_field(desk, erin, form, start):
    start = typed(in_days(91)) if start == "far" else start
    answer = desk.post(ADD, form | {"customer": erin.pk, "planned_start": start})
    assert set(answer.context["adminform"].form.errors) == {"planned_start"}
    assert not Order.objects.exists()


def test_the_same_form_again_is_the_same_order_and_another_start_is_not(desk, erin, form):
    key = {"request_key": "11111111-1111-4111-8111-111111111111", "customer": erin.pk}
    form |= {**key, "planned_start": typed(in_days(3))}
    assert desk.post(ADD, form).status_code == desk.post(ADD, form).status_code == 302
    answer = desk.post(ADD, form | {"planned_start": typed(in_days(4))})
    assert "already saved" in str(answer.context["adminform"].form.non_field_errors())
    assert Order.objects.count() == 1


@pytest.mark.parametrize("days", [91, -1])
def test_placing_itself_refuses_a_start_too_far_off_or_passed(erin, harbour, days):
    with pytest.raises(OrderRefusedError) as refused:
        placed(erin, harbour, planned_start=in_days(days))
    assert set(refused.value.errors) == {"planned_start"}
    assert not Order.objects.exists()
    assert not LedgerEntry.objects.filter(kind=LedgerEntry.Kind.ORDER).exists()


def test_the_command_takes_a_start_and_refuses_a_bad_one(erin, form):
    start = in_days(3)
    words = ("place_order", "erin", form["url"], form["count"])
    for bad in ("tomorrow", "2025-12-05 09:00"):
        with pytest.raises(CommandError, match="start"):
            call_command(*words, start=bad)
    assert not Order.objects.exists()
    call_command(*words, start=f"{start:%Y-%m-%d %H:%M}")
    assert Order.objects.get().planned_start == start


# Uploads


@pytest.fixture
def uploaded(settings, tmp_path, erin, harbour, policies):
    settings.DATA_DIR = tmp_path
    harbour.verified, harbour.verified_at = True, timezone.now()
    harbour.save()

    def upload(*starts: str, header: str = "start") -> ImportJob:
        lines = [
            f"erin,{harbour.origin}/videos/{number},10000,{start}\n"
            for number, start in enumerate(starts)
        ]
        text = f"username,url,count,{header}\n" + "".join(lines)
        job = new_job(ImportJob.Kind.ORDERS, "rows.csv", iter([text.encode()]), creator=None)
        imports.run(job.pk)
        job.refresh_from_db()
        return job

    return upload


def test_an_upload_has_a_column_of_starts(uploaded):
    start = in_days(3)
    job = uploaded(f"{start:%Y-%m-%d %H:%M}", f"{start:%Y/%m/%d}", "", header="开始时间")
    job.start_import(partial=False)
    imports.run(job.pk)
    midnight = start.replace(hour=0, minute=0)
    found = Order.objects.order_by("pk").values_list("planned_start", flat=True)
    assert list(found) == [start, midnight, None]


@pytest.mark.parametrize(
    "start",
    [
        *("tomorrow", "2026-02-30", "3 o'clock", "9999-12-31 10:00"),
        *("2025-12-05 09:00", "2025-12-05"),
    ],
)
def test_a_row_with_a_bad_start_is_refused_for_it(uploaded, start):
    job = uploaded(start)
    assert [column for _line, column, _value, _reason in store.first_errors(job, 9)] == ["start"]
    assert not Order.objects.exists()


@pytest.mark.parametrize("start", ["2050-03-27 02:30", "2050-10-30T02:30"])
def test_a_time_that_the_clock_skips_or_shows_twice_is_refused_as_in_a_form(start, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    _moments, wrong = starts_of([start])
    with pytest.raises(ValidationError) as refused:
        DateTimeField().clean(start)
    assert wrong == {0: refused.value.messages[0]}


def test_the_day_of_today_alone_is_at_once(uploaded):
    job = uploaded(f"{timezone.localdate()}")
    job.start_import(partial=False)
    imports.run(job.pk)
    assert Order.objects.get().planned_start is None


def test_a_start_that_passed_since_the_check_is_refused_when_the_import_is_begun(
    uploaded, monkeypatch
):
    passed = in_days(-1 / 24)
    with monkeypatch.context() as patch:
        patch.setattr(quote, "JUST_NOW", timedelta(days=1))
        job = uploaded(f"{passed:%Y-%m-%d %H:%M}")
    assert job.created == 1
    job.start_import(partial=False)
    imports.run(job.pk)
    job.refresh_from_db()
    assert PASSED in translate(reason_of(job))
    assert not Order.objects.exists()


def test_a_start_that_passes_while_an_import_goes_on_is_at_once(uploaded, monkeypatch):
    passed = in_days(-1 / 24)
    with monkeypatch.context() as patch:
        patch.setattr(quote, "JUST_NOW", timedelta(days=1))
        job = uploaded(f"{passed:%Y-%m-%d %H:%M}")
    job.start_import(partial=False)
    ImportJob.objects.update(start_date=passed)
    imports.run(job.pk)
    assert Order.objects.get().planned_start is None


# Nothing lets it start earlier


def test_approval_does_not_start_it_earlier(later, bob):
    Order.objects.update(status=Status.AWAITING)
    later.refresh_from_db()
    ordering.approve(later, bob)
    assert Order.objects.get().status == Status.PENDING
    assert is_due_as_planned()


def test_what_waits_for_its_start_is_not_retried_whichever_way(later, desk, bob):
    assert f"/{later.pk}/retry/" not in desk.get(f"/admin/core/order/{later.pk}/change/").text
    with pytest.raises(TransitionError, match="planned start"):
        ordering.retry(later, bob)
    job = selection.new_job(BulkJob.Action.RETRY, Order.objects.all(), creator=bob)
    job.start()
    jobs.run(job.pk)
    assert job.refusals.get().reason_code == Code.STARTS_LATER
    assert is_due_as_planned()


def test_a_token_that_is_back_does_not_start_it_earlier(later):
    Order.objects.update(status=Status.PAUSED, held_by_site=True)
    later.refresh_from_db()
    transitions.apply([(later, transitions.resume(later))], None)
    assert Order.objects.get().status == Status.PENDING
    assert is_due_as_planned()


def test_a_site_that_takes_plays_again_does_not_start_it_earlier(erin, harbour):
    placed(erin, harbour, planned_start=timezone.now() + timedelta(seconds=100))
    breaker = Breaker.objects.create(site=harbour, opened_at=Now(), probe_at=Now())
    harbour.refresh_from_db()
    breakers.report_up(harbour)
    breaker.refresh_from_db()
    assert not breaker.is_open
    assert is_due_as_planned()


def test_an_order_whose_start_has_passed_is_retried_now(later, bob):
    Order.objects.update(planned_start=timezone.now() - timedelta(hours=1))
    later.refresh_from_db()
    ordering.retry(later, bob)
    assert Order.objects.free_to_claim().exists()


# Where it is shown


def test_lists_and_pages_say_when_it_starts(later, desk):
    words = display.start(later)
    when = timezone.localtime(later.planned_start)
    assert words == f"starts {when.day} {when:%b, %H:%M}"
    for page in ("/admin/core/order/", f"/admin/core/order/{later.pk}/change/"):
        assert words in desk.get(page).content.decode()
    with translation.override("zh-hans"):
        assert display.start(later)


def test_customers_see_when_it_starts(owner, harbour):
    order = placed(owner, harbour, planned_start=in_days(3))
    portal = client_of(owner.user)
    for page in ("/portal/", f"/portal/orders/{order.oid}/"):
        assert display.start(order) in portal.get(page, follow=True).content.decode()


def test_an_order_that_began_says_nothing_of_its_start(later):
    later.start_date = timezone.now()
    assert display.start(later) == ""
