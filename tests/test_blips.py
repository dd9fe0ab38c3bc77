"""No answer is final at once: what a site gives in a bad moment ends no order, and nothing is
settled but by a reading that succeeded."""

from typing import Any

import pytest

from core.models import Site, Status
from core.reasons import Code
from tests.rounds import deliver, deliver_to_the_end
from tests.test_proving import again, half_sent, let_trouble_pass, make_due, quick_trial

pytestmark = pytest.mark.parametrize("office", ["sqlite"], indirect=True)


@pytest.fixture
def trial(office, demo_site):
    return quick_trial(office, demo_site)


BLIPS: dict[str, dict[str, Any]] = {
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "404": {"kind": "status", "status": 404},
    "410": {"kind": "status", "status": 410},
    "302": {"kind": "redirect", "status": 302},
    "HTML": {"kind": "not_json"},
}


@pytest.mark.parametrize("blip", BLIPS)
def test_no_answer_to_a_play_is_final_at_once(trial, blip):
    order = half_sent(trial)
    trial.demo_site.fault("plays", video=order.video_id, **BLIPS[blip], counts=False)
    trial.demo_site.fault("count", video=order.video_id, **BLIPS[blip])
    for _ in range(3):
        make_due()
        deliver()
    if blip != "HTML":  # a play's answer need not be JSON
        assert again(order).status == Status.RUNNING
    trial.demo_site.clear()
    make_due()
    deliver_to_the_end()
    assert again(order).status in (Status.COMPLETED, Status.PARTIAL)
    assert order.delivered == trial.demo_site.plays(order.oid)
    if blip != "HTML":
        assert order.status == Status.COMPLETED


@pytest.mark.parametrize("blip", BLIPS)
def test_an_order_whose_counter_answers_badly_goes_on_being_verified(trial, blip):
    order = trial.place(300, wake=False)
    trial.demo_site.fault("count", video=order.video_id, skip=1, **BLIPS[blip])
    for _ in range(3):
        deliver()
        make_due()
    assert again(order).status in (Status.RUNNING, Status.VERIFYING)
    trial.demo_site.clear()
    make_due()
    deliver_to_the_end()
    assert (again(order).status, order.delivered) == (Status.COMPLETED, 300)


def test_a_trouble_that_lasts_half_an_hour_ends_the_sending_and_is_proved(trial):
    order = half_sent(trial)
    trial.demo_site.fault("plays", "status", status=403, video=order.video_id)
    make_due()
    deliver()
    let_trouble_pass(29)
    deliver()
    assert again(order).status == Status.RUNNING
    let_trouble_pass(2)
    deliver_to_the_end()
    assert (again(order).status, order.delivered) == (Status.PARTIAL, order.done)
    assert order.attention_code == Code.SHORT_NOT_SENT


def test_answers_that_a_site_is_forgiven_are_none_of_an_orders_ten_attempts(trial):
    order = half_sent(trial)
    trial.demo_site.fault("plays", "status", status=404, video=order.video_id, counts=False)
    for _ in range(12):
        make_due()
        deliver()
    trial.demo_site.clear()
    trial.demo_site.fault("plays", "status", status=500, video=order.video_id, counts=False)
    for _ in range(9):
        make_due()
        deliver()
    assert again(order).status == Status.RUNNING
    make_due()
    deliver()
    assert again(order).last_reason().code == Code.ATTEMPTS_USED_UP


def test_a_counter_that_cannot_be_read_for_long_is_told_and_not_guessed(trial):
    order = trial.place(300, wake=False)
    trial.demo_site.fault("plays", "lost_increment", video=order.video_id, times=100)
    deliver()
    trial.demo_site.fault("count", "status", status=404, video=order.video_id)
    make_due()
    deliver()
    let_trouble_pass(24 * 60)
    deliver()
    assert (again(order).status, order.delivered) == (Status.VERIFYING, None)
    assert order.attention_code == Code.COUNTER_UNREADABLE
    trial.demo_site.clear()
    Site.objects.update(resend_percent=0, max_connections=1)
    make_due()
    deliver_to_the_end()
    assert (again(order).status, order.delivered) == (Status.PARTIAL, 200)
