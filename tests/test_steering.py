"""People steer: pause and resume an order, a site, the whole office; what becomes of deadlines and
plans meanwhile; and what a deadline knows of quiet hours."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from booster.delivery import paused_orders
from booster.delivery.plan import deadline_of, plan_of, site_opens_at
from core import ordering
from core.bulk import jobs, selection
from core.live import Audience
from core.live.sources import orders
from core.live.sources.orders import whole_order
from core.models import (
    Breaker,
    BulkJob,
    ChargeRecord,
    CounterReading,
    Customer,
    Lease,
    Order,
    OrderError,
    OrderEvent,
    Pause,
    Site,
    Status,
    TransitionError,
    User,
    leases,
    transitions,
)
from core.portal.words import text_of
from core.reasons import Code, Reason, reason_of
from tests.base import balance, client_of, placed

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Action = BulkJob.Action


@pytest.fixture
def order(erin, harbour) -> Order:
    return placed(erin, harbour)


@pytest.fixture
def drip(erin, harbour) -> Order:
    """Spread over ten hours, begun an hour ago."""
    began = timezone.now() - HOUR
    return changed(placed(erin, harbour, "dusk", hours=10), status=Status.RUNNING, start_date=began)


def changed(order: Order, **columns) -> Order:
    Order.objects.filter(pk=order.pk).update(**columns)
    return Order.objects.select_related("site").get(pk=order.pk)


def again(order: Order) -> Order:
    return changed(order, memo="")


def last_event(order: Order) -> OrderEvent:
    found = order.events.last()
    assert found
    return found


def paused_since(pause: Pause, moment: datetime) -> Pause:
    Pause.objects.filter(pk=pause.pk).update(create_date=moment)
    pause.refresh_from_db()
    return pause


# One order


def test_an_order_that_waits_is_paused_at_once_and_resumed(order, bob):
    ordering.pause(order, bob, "the customer asked")
    order = again(order)
    assert order.is_paused_by_people
    event = last_event(order)
    assert (event.creator, event.reason) == (bob, "the customer asked")
    assert not Order.objects.free_to_claim().exists()
    assert paused_orders.resume_late_orders() == []

    ordering.resume(order, bob, shift=True)
    order = again(order)
    assert (order.status, order.paused_at, order.paused_seconds) == (Status.PENDING, None, 0)
    assert Order.objects.free_to_claim().exists()
    assert balance(order.customer) == Decimal("15.00")


def claimed() -> Lease:
    """The lease of the only order that is due."""
    (lease,) = leases.claim("here:1", 1)
    return lease


def test_a_running_order_is_asked_and_paused_by_its_holder_in_the_name_of_who_asked(order, bob):
    lease = claimed()
    lease.order.reserved = lease.order.sequence = 100
    leases.write_progress([lease])
    ordering.pause(again(order), bob, "too loud")
    asked = again(order)
    assert (asked.status, asked.pause_requested) == (Status.RUNNING, True)
    assert reason_of(last_event(order)) == Reason.of(Code.PAUSE_REQUESTED_BECAUSE, why="too loud")

    lease.order.done, lease.order.uncertain = 70, 30
    assert leases.write_progress([lease]) == {order.pk: (False, True)}
    chosen = transitions.pause_as_requested([lease.order])
    fenced = [(one, transition.with_fence(one.fence)) for one, transition in chosen]
    transitions.apply(fenced, None)
    order = again(order)
    assert order.is_paused_by_people
    assert (order.pause_requested, order.lease_until) == (False, None)
    assert (order.done, order.uncertain, order.reserved) == (70, 30, 100)
    assert (last_event(order).creator, last_event(order).reason) == (bob, "too loud")


def test_whoever_lost_the_lease_pauses_nothing(order, bob):
    lease = claimed()
    ordering.pause(again(order), bob)
    Order.objects.update(lease_until=Now() - HOUR)
    assert claimed()
    ((one, transition),) = transitions.pause_as_requested([lease.order])
    with pytest.raises(TransitionError), transaction.atomic():
        transitions.apply([(one, transition.with_fence(lease.order.fence))], None)
    assert again(order).status == Status.RUNNING


def test_a_request_can_be_withdrawn(order, bob):
    claimed()
    ordering.pause(again(order), bob)
    ordering.resume(again(order), bob, shift=True)
    order = again(order)
    assert (order.status, order.pause_requested) == (Status.RUNNING, False)
    assert reason_of(last_event(order)) == Reason.of(Code.PAUSE_WITHDRAWN)


def test_what_waits_for_a_token_goes_on_no_more_by_itself(order, bob):
    order = changed(order, status=Status.PAUSED, held_by_site=True)
    ordering.pause(order, bob)
    assert again(order).is_paused_by_people
    assert not Order.objects.filter(held_by_site=True).exists()


REFUSED = {
    "asked": ({"status": Status.RUNNING, "pause_requested": True}, Code.PAUSE_ALREADY_REQUESTED),
    "stopping": ({"status": Status.RUNNING, "cancel_requested": True}, Code.STOP_ALREADY_REQUESTED),
    "paused": ({"status": Status.PAUSED}, Code.ALREADY_PAUSED),
    "verifying": ({"status": Status.VERIFYING}, Code.NO_SUCH_STEP),
    "awaiting": ({"status": Status.AWAITING}, Code.NO_SUCH_STEP),
    "ended": ({"status": Status.COMPLETED, "delivered": 1}, Code.ALREADY_ENDED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_order_that_cannot_be_paused_says_why_and_stays_as_it_is(order, bob, name):
    state, code = REFUSED[name]
    order = changed(order, **state)
    with pytest.raises(OrderError) as refused:
        ordering.pause(order, bob)
    assert refused.value.reason.code == code
    assert again(order).status == state["status"]
    assert order.events.count() == 1


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.COMPLETED])
def test_only_what_people_paused_is_resumed(order, bob, status):
    order = changed(order, status=status)
    with pytest.raises(OrderError):
        ordering.resume(order, bob, shift=True)
    assert order.events.count() == 1


def test_retry_resumes_nothing_that_people_paused(order, bob):
    ordering.pause(order, bob)
    with pytest.raises(OrderError, match="resume it instead"):
        ordering.retry(again(order), bob)
    assert again(order).is_paused_by_people


def test_a_paused_order_is_canceled_and_refunded(order, bob):
    ordering.pause(order, bob)
    ordering.cancel(again(order), bob)
    assert again(order).status == Status.CANCELED
    assert balance(order.customer) == Decimal("20.00")


def test_an_order_that_people_paused_outlives_its_deadline(drip, bob):
    long_ago = timezone.now() - 30 * DAY
    order = changed(drip, status=Status.PAUSED, start_date=long_ago, paused_at=long_ago + HOUR)
    assert paused_orders.resume_late_orders() == []
    ordering.resume(order, bob, shift=False)
    deadline = deadline_of(again(order))
    assert deadline is not None
    assert deadline > timezone.now() + DAY

    held = changed(order, status=Status.PAUSED, held_by_site=True, paused_seconds=0)
    assert paused_orders.resume_late_orders() == [held.pk]


# Plans and deadlines


def test_a_plan_that_shifts_goes_on_where_it_stopped(drip, bob):
    due = plan_of(drip, drip.site).due(timezone.now().timestamp())
    order = changed(drip, status=Status.PAUSED, paused_at=timezone.now() - HOUR)
    order = changed(order, start_date=drip.start_date - HOUR)
    ordering.resume(order, bob, shift=True)
    order = again(order)
    assert order.shift_seconds == order.paused_seconds == pytest.approx(3600, abs=2)
    assert plan_of(order, order.site).due(timezone.now().timestamp()) == pytest.approx(due, abs=5)
    assert reason_of(last_event(order)) == Reason.of(Code.PLAN_SHIFTED)


def test_a_plan_that_catches_up_ends_when_it_should_have(drip, bob):
    end = plan_of(drip, drip.site).end
    order = changed(drip, status=Status.PAUSED, paused_at=timezone.now() - HOUR / 2)
    ordering.resume(order, bob, shift=False)
    order = again(order)
    assert (order.shift_seconds, plan_of(order, order.site).end) == (0, end)
    assert order.paused_seconds == pytest.approx(1800, abs=2)
    assert reason_of(last_event(order)) == Reason.of(Code.PLAN_CATCHES_UP)


def test_a_pause_before_the_beginning_shifts_nothing(drip, bob):
    order = changed(drip, status=Status.PENDING, start_date=None)
    ordering.pause(order, bob)
    order = changed(order, paused_at=timezone.now() - DAY)
    ordering.resume(order, bob, shift=True)
    assert (again(order).shift_seconds, again(order).paused_seconds) == (0, 0)


@pytest.mark.parametrize("shift", [True, False])
def test_a_deadline_moves_by_the_time_of_a_pause(drip, shift):
    before = deadline_of(drip)
    paused = changed(drip, paused_seconds=7200, shift_seconds=7200 if shift else 0)
    assert deadline_of(paused) == before + 2 * HOUR


def test_a_deadline_counts_only_the_hours_in_which_the_site_is_open(order, harbour, settings):
    settings.ORDER_DEADLINE_HOURS = 10
    start = datetime(2026, 1, 5, 12, tzinfo=UTC)
    order = changed(order, status=Status.RUNNING, start_date=start, count=100)
    order.site.max_rate = 200  # a second for all of them
    assert deadline_of(order) == start + 10 * HOUR + timedelta(seconds=1)
    order.site.time_zone, order.site.quiet_hours = "UTC", ["14:00-04:00"]
    assert deadline_of(order) == start + DAY + timedelta(seconds=1)


def test_a_plan_and_a_site_follow_the_sites_own_clock(drip, harbour):
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    drip.site.time_zone, drip.site.quiet_hours = "Asia/Tokyo", ["Mon 20:00-24:00"]
    opens = (noon + 3 * HOUR).timestamp()
    assert site_opens_at(drip.site, noon.timestamp()) == opens
    drip.start_date = noon
    assert plan_of(drip, drip.site).end == opens + 10 * 3600


# Sites and the office


def test_a_paused_site_holds_its_orders_and_no_others(order, erin, harbour, bob):
    quay = Site.objects.create(name="Quay", origin="https://quay.example.com")
    other = placed(erin, quay)
    pause = Pause.objects.begin(harbour, bob, "their disk is full")
    assert list(Order.objects.free_to_claim().without_paused()) == [other]
    held = Pause.objects.in_force()
    assert (held.of(harbour.pk), held.of(quay.pk)) == (pause, None)
    pause.end(bob, shift=True)
    assert set(Order.objects.free_to_claim().without_paused()) == {order, other}
    assert Pause.objects.in_force().of(harbour.pk) is None
    assert (pause.ended_by, pause.creator) == (bob, bob)
    assert pause.end_date >= pause.create_date


def test_a_paused_office_holds_all_orders(order, harbour, bob):
    pause = Pause.objects.begin(None, bob, "fire drill")
    assert not Order.objects.free_to_claim().without_paused().exists()
    assert Pause.objects.in_force().of(harbour.pk) == pause


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_a_pause_of_many_orders_needs_a_reason(harbour, bob, reason):
    with pytest.raises(OrderError):
        Pause.objects.begin(harbour, bob, reason)
    with pytest.raises(OrderError):
        Pause.objects.begin(None, bob, reason)
    assert not Pause.objects.exists()


def test_a_site_is_paused_once_and_resumed_once(harbour, bob):
    Pause.objects.begin(harbour, bob, "a")
    with pytest.raises(OrderError, match="already paused"):
        Pause.objects.begin(harbour, bob, "b")
    pause = Pause.objects.get()
    pause.end(bob, shift=True)
    with pytest.raises(OrderError, match="already ended"):
        pause.end(bob, shift=True)
    Pause.objects.begin(harbour, bob, "c")
    assert Pause.objects.active().count() == 1


@pytest.mark.parametrize("shift", [True, False])
def test_a_pause_of_a_site_moves_its_orders_deadlines_and_as_wanted_their_plans(
    drip, harbour, bob, shift
):
    pause = paused_since(Pause.objects.begin(harbour, bob, "a"), timezone.now() - HOUR / 2)
    pause.end(bob, shift=shift)
    order = again(drip)
    assert order.paused_seconds == pytest.approx(1800, abs=2)
    assert order.shift_seconds == (order.paused_seconds if shift else 0)


def test_a_pause_moves_nothing_that_did_not_begin_or_has_ended(order, drip, erin, harbour, bob):
    changed(drip, status=Status.COMPLETED, delivered=1)
    placed(erin, harbour, "noon")
    paused_since(Pause.objects.begin(None, bob, "a"), timezone.now() - HOUR / 2).end(
        bob, shift=True
    )
    assert not Order.objects.exclude(paused_seconds=0).exists()


# Pauses at once: all the time counts, and none of it twice. Hours ago: begin, end.


@pytest.mark.parametrize("first", ["site", "office"])
def test_the_time_of_two_pauses_at_once_counts_once(drip, harbour, bob, first):
    drip = changed(drip, start_date=timezone.now() - 10 * HOUR)
    now = timezone.now()
    site = paused_since(Pause.objects.begin(harbour, bob, "a"), now - 4 * HOUR)
    office = paused_since(Pause.objects.begin(None, bob, "b"), now - 3 * HOUR)
    pauses = [site, office] if first == "site" else [office, site]
    for pause in pauses:
        pause.end(bob, shift=True)
    assert again(drip).shift_seconds == pytest.approx(4 * 3600, abs=3)


@pytest.mark.parametrize("order_first", [True, False])
@pytest.mark.parametrize(("order_since", "site_since"), [(4, 2), (2, 4)])
def test_an_order_paused_beside_its_site_counts_the_time_once(
    drip, harbour, bob, order_first, order_since, site_since
):
    now = timezone.now()
    since = now - order_since * HOUR
    order = changed(
        drip, status=Status.PAUSED, paused_at=since, start_date=timezone.now() - 10 * HOUR
    )
    pause = paused_since(Pause.objects.begin(harbour, bob, "a"), now - site_since * HOUR)
    if order_first:
        ordering.resume(order, bob, shift=True)
        pause.end(bob, shift=True)
    else:
        pause.end(bob, shift=True)
        ordering.resume(again(order), bob, shift=True)
    assert again(order).shift_seconds == pytest.approx(4 * 3600, abs=3)


def test_both_databases_hold_and_let_go(office):
    """Their clocks and their LEAST differ."""
    customer = Customer.objects.create(username="erin")
    ChargeRecord.objects.create(customer=customer, amount=Decimal(20))
    site = Site.objects.create(name="Harbour", origin="https://videos.example.com")
    running, paused = (
        changed(placed(customer, site, name), start_date=timezone.now() - 10 * HOUR, status=status)
        for name, status in (("1", Status.RUNNING), ("2", Status.PAUSED))
    )
    changed(paused, paused_at=timezone.now() - HOUR)
    now = timezone.now()
    first = paused_since(Pause.objects.begin(site, None, "a"), now - 3 * HOUR)
    second = paused_since(Pause.objects.begin(None, None, "b"), now - 2 * HOUR)
    assert not Order.objects.free_to_claim().without_paused().exists()
    for pause in (first, second):
        pause.end(None, shift=True)
    assert list(Order.objects.free_to_claim().without_paused()) == [running]
    ordering.resume(again(paused), User.objects.get(), shift=True)
    for order in (running, paused):
        assert again(order).shift_seconds == pytest.approx(3 * 3600, abs=3)
    later = placed(customer, site, "3", planned_start=timezone.now() + DAY)
    later = changed(later, status=Status.PAUSED, due=timezone.now())
    ordering.resume(later, User.objects.get(), shift=True)
    assert again(later).due == again(later).planned_start


# Many at once


def test_a_block_pauses_and_resumes_as_the_buttons_do(drip, erin, harbour, bob):
    pending, paused = placed(erin, harbour, "2"), placed(erin, harbour, "3")
    changed(paused, status=Status.PAUSED, start_date=timezone.now() - HOUR)

    def run(action: Action) -> BulkJob:
        job = selection.new_job(action, Order.objects.all(), creator=bob)
        job.start("loud")
        jobs.run(job.pk)
        job.refresh_from_db()
        return job

    job = run(Action.PAUSE)
    assert (job.changed, job.refused) == (2, 1)
    assert reason_of(job.refusals.get()) == Reason.of(Code.ALREADY_PAUSED)
    assert again(pending).is_paused_by_people
    assert again(drip).pause_requested
    Order.objects.filter(status=Status.PAUSED).update(paused_at=timezone.now() - HOUR / 2)
    job = run(Action.RESUME)
    assert (job.changed, job.refused) == (3, 0)
    assert again(paused).shift_seconds == pytest.approx(1800, abs=2)
    assert again(pending).shift_seconds == 0
    assert not again(drip).pause_requested
    changed(paused, status=Status.PAUSED, paused_at=timezone.now() - HOUR / 4, shift_seconds=0)
    run(Action.CATCH_UP)
    assert again(paused).shift_seconds == 0


# On the desk and the portal


def test_an_order_is_paused_and_resumed_on_its_page(desk, drip):
    page = f"/admin/core/order/{drip.pk}/"
    assert f"{page}pause/" in desk.get(f"{page}change/").content.decode()
    desk.post(f"{page}pause/", {"reason": "loud"})
    assert again(drip).pause_requested
    shown = desk.get(f"{page}change/").content.decode()
    assert "pausing" in shown
    assert f"{page}resume/" in shown
    assert f"{page}catch_up/" not in shown

    changed(drip, status=Status.PAUSED, pause_requested=False, paused_at=timezone.now() - HOUR / 2)
    shown = desk.get(f"{page}change/").content.decode()
    assert f"{page}resume/" in shown
    assert f"{page}catch_up/" in shown
    assert f"{page}retry/" not in shown
    desk.post(f"{page}catch_up/")
    assert (again(drip).status, again(drip).shift_seconds) == (Status.PENDING, 0)


def test_a_site_is_paused_and_resumed_on_its_page_and_its_orders_say_so(desk, order, harbour):
    page = f"/admin/core/site/{harbour.pk}/"
    desk.post(f"{page}pause/", {"reason": "disk <full>"})
    assert Pause.objects.active().get().site == harbour
    for place in (f"{page}change/", f"/admin/core/order/{order.pk}/change/", "/admin/pauses/"):
        assert "disk &lt;full&gt;" in desk.get(place).content.decode()
    assert ">paused<" in desk.get("/admin/core/site/").content.decode()
    desk.post(f"{page}catch_up/")
    assert not Pause.objects.active().exists()
    answer = desk.post(f"{page}resume/", follow=True)
    assert "Nobody paused it." in answer.content.decode()


def test_every_page_of_the_desk_says_that_the_office_is_paused(desk, carol, order):
    desk.post("/admin/pauses/office/pause/", {"reason": "fire drill"})
    for page in ("/admin/home/", "/admin/core/order/", f"/admin/core/order/{order.pk}/change/"):
        for browser in (desk, client_of(carol)):
            assert "fire drill" in browser.get(page).content.decode()
    desk.post("/admin/pauses/office/resume/")
    assert "fire drill" not in desk.get("/admin/home/").content.decode()
    assert Pause.objects.get().end_date


@pytest.mark.parametrize("what", ["pause", "resume", "catch_up"])
def test_who_may_not_pause_the_office_does_not(carol, what, bob):
    if what != "pause":
        Pause.objects.begin(None, bob, "a")
    answer = client_of(carol).post(f"/admin/pauses/office/{what}/", {"reason": "b"})
    assert answer.status_code == 403
    assert Pause.objects.active().exists() == (what != "pause")


def test_an_address_that_nobody_made_does_not_let_the_office_go_on(desk, bob):
    Pause.objects.begin(None, bob, "a")
    assert desk.post("/admin/pauses/office/stop/").status_code == 404
    assert Pause.objects.active().exists()


def test_a_customer_reads_of_a_pause_in_words_of_their_own(owner, harbour, bob):
    order = placed(owner, harbour)
    claimed()
    ordering.pause(again(order), bob, "he still owes us")
    transitions.apply(transitions.pause_as_requested([again(order)]), None)
    page = client_of(owner.user).get(f"/portal/orders/{order.oid}/").content.decode()
    for words in (
        "The desk asked for a pause.",
        "The desk paused the delivery.",
        "Delivery is paused for the moment.",
    ):
        assert words in page
    for hidden in ("owes", "bob", "confirms again"):
        assert hidden not in page
    assert text_of(last_event(order), is_own=False) == "The desk paused the delivery."


def test_an_open_page_hears_of_a_pause_of_its_site(order, harbour, bob):
    source, key = whole_order, str(order.pk)
    before = source.versions([key])
    pause = Pause.objects.begin(harbour, bob, "disk full")
    assert source.versions([key]) != before
    assert source.load([key])[key].pause == pause
    assert "disk full" in str(source.render(source.load([key])[key], Audience.STAFF))
    assert "disk full" not in str(source.render(source.load([key])[key], Audience.CUSTOMER))


def test_an_open_page_hears_what_its_site_waits_for(order, harbour):
    key = str(order.pk)
    seen = [whole_order.versions([key])]

    def news() -> str:
        version = whole_order.versions([key])
        assert version != seen[-1]
        seen.append(version)
        return str(whole_order.render(whole_order.load([key])[key], Audience.STAFF))

    breaker = Breaker.objects.create(site=harbour)
    breaker.open("It is full.", 60)
    assert "It is full." in news()
    breaker.stay_open("It is still full.", 120)
    assert "It is still full." in news()
    breaker.close()
    assert "full" not in news()
    today = datetime.now(UTC)
    quiet = f"{today:%a} 00:00-24:00"
    Site.objects.filter(pk=harbour.pk).update(time_zone="UTC", quiet_hours=[quiet])
    assert "quiet hours until" in news()
    assert whole_order.versions([key]) == seen[-1]


def test_the_hours_of_a_site_are_asked_once_for_all_pages_that_are_open(
    order, erin, harbour, monkeypatch
):
    asked = []
    monkeypatch.setattr(orders, "end_of_quiet", lambda *hours: asked.append(hours))
    another = placed(erin, harbour, "another")
    assert len(whole_order.versions([str(order.pk), str(another.pk)])) == 2
    assert len(asked) == 1


def test_open_pages_show_the_newest_count_though_not_every_reading_is_kept(order):
    kept = {"order": order.pk, "views": 120, "done": 20}
    CounterReading.record_block([kept])
    news = {"status": Status.RUNNING, "old_view_count": 100, "view_count": 1_153, "done": 60}
    Order.objects.filter(pk=order.pk).update(**news, reserved=60)
    loaded = whole_order.load([str(order.pk)])[str(order.pk)]
    for audience in Audience:
        assert "1,153" in str(whole_order.render(loaded, audience)), audience
