"""An order's page at the desk: first what was bought and how it stands, why it stands still, and
what is decided on."""

import re
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import Group
from django.utils import timezone

from core.models import ApprovalLimit, Order, Status, transitions
from core.models.transitions import Transition, checked_path, end_with
from core.ordering import pause
from core.reasons import Code, Reason
from tests.base import client_of, new_staff, placed


def page_of(desk, order) -> str:
    answer = desk.get(f"/admin/core/order/{order.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def section(text: str, name: str) -> str:
    found = re.search(rf'data-section="{name}">(.*?)</section>', text, re.DOTALL)
    assert found
    return found[1]


# The head


def test_the_page_begins_with_customer_video_price_and_status(desk, erin, harbour, bob):
    order = placed(erin, harbour, price="5.00", creator=bob)
    text = page_of(desk, order)
    head = section(text, "delivery")
    for part in (">erin</a>", ">dawn</a>", "10,000", "5.00", "pending", "placed by bob"):
        assert part in head, part
    assert text.index('data-section="delivery"') < text.index('data-section="figures"')
    figures = text.index('data-section="figures"')
    assert text.rindex("<details", 0, figures) < figures < text.index("</details>", figures)
    assert "Failed attempts" not in head


def test_a_memo_is_all_that_is_changed_on_the_page(desk, erin, harbour):
    order = placed(erin, harbour)
    form = desk.get(f"/admin/core/order/{order.pk}/change/").context["adminform"].form
    assert list(form.fields) == ["memo"]


# Why it stands still


def test_an_order_that_people_paused_says_who_why_and_how_it_goes_on(desk, erin, harbour, bob):
    order = placed(erin, harbour)
    pause(order, bob, "The customer <asked> us")
    head = section(page_of(desk, order), "delivery")
    assert "by bob: The customer &lt;asked&gt; us" in head
    assert "“Resume” continues the order" in head


def test_an_order_that_waits_for_a_token_leads_to_its_site(desk, erin, harbour):
    order = placed(erin, harbour)
    reason = Reason.of(Code.DEADLINE_REACHED)
    path = checked_path(order, Status.PAUSED)
    transitions.apply([(order, Transition(path, {"held_by_site": True}, reason))], None)
    head = section(page_of(desk, order), "delivery")
    assert "Put the token back on" in head
    assert f"/admin/core/site/{harbour.pk}/change/" in head


def test_an_order_that_failed_says_why_what_came_back_and_what_to_do(desk, erin, harbour):
    order = placed(erin, harbour)
    transitions.apply([(order, Transition(checked_path(order, Status.RUNNING)))], None)
    end = end_with(
        order,
        checked_path(order, Status.FAILED),
        2_000,
        reason=Reason.of(Code.ATTEMPTS_USED_UP, number=5, reason="The site was closed."),
    )
    transitions.apply([(order, end)], None)
    head = section(page_of(desk, order), "delivery")
    assert "Given up after 5 attempts" in head
    assert "8,000 plays were not delivered; 4.00 was refunded." in head
    assert "“Order again”" in head


def test_an_order_that_tries_again_later_says_when(desk, erin, harbour):
    order = placed(erin, harbour)
    later = timezone.now() + timedelta(hours=1)
    Order.objects.filter(pk=order.pk).update(attempts=2, due=later)
    head = section(page_of(desk, order), "delivery")
    assert "The last attempt failed. The next one is at" in head


def test_an_order_that_goes_on_says_nothing_of_the_kind(desk, erin, harbour):
    head = section(page_of(desk, placed(erin, harbour)), "delivery")
    assert "desk-attention" not in head


# Approval


def test_who_approves_reads_what_is_approved_on_the_page_and_in_the_dialog(
    desk, super_desk, erin, harbour, bob
):
    group = Group.objects.get(name="Administrators")
    ApprovalLimit.objects.create(group=group, amount=Decimal(1))
    order = placed(erin, harbour, price="5.00", creator=bob, hours=24)
    Order.objects.filter(pk=order.pk).update(video_title="Harbour <at> dawn")
    answer = super_desk.get(f"/admin/core/order/{order.pk}/change/")
    dialogs = {button.label: button.confirm for button in answer.context["buttons"]}
    for label in ("Approve", "Decline"):
        assert "erin: 10,000 plays of Harbour <at> dawn at 5.00, over 24 hours" in dialogs[label]
    assert "Harbour &lt;at&gt; dawn" in section(answer.content.decode(), "delivery")
    assert "Approve" not in {
        button.label for button in desk.get(answer.request["PATH_INFO"]).context["buttons"]
    }
    listed = client_of(new_staff("grace", "Administrators")).get(
        f"/admin/core/order/?status__exact={Status.AWAITING.value}"
    )
    assert "Harbour &lt;at&gt; dawn</a>" in listed.content.decode()
