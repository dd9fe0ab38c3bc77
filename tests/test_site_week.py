"""A site's week on its page: its clock, quiet hours and load profile, as staff type them."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from booster.week import DAILY_LOAD_PROFILE, quiet_lines
from core.admin.site_week import in_words, zones
from core.models import FieldChange, Order, Site, Status
from core.pages import week_drawing
from tests.base import client_of, placed

pytestmark = pytest.mark.django_db

WEEK = {
    "time_zone": "Europe/Berlin",
    "quiet_hours": "周一至周五 22:00-06:00\r\nSat 00:00 – 24:00",
    "load_profile": "weekday,hour,plays\r\nmon,8,100\r\nsunday,20,50",
}


@pytest.fixture
def form(harbour):
    return {"name": harbour.name, "adapter": "demo", "active": "on"}


@pytest.fixture
def page(harbour) -> str:
    return f"/admin/core/site/{harbour.pk}/change/"


def test_the_week_is_kept_as_it_was_meant(desk, harbour, form, page):
    assert desk.post(page, form | WEEK).status_code == 302
    harbour.refresh_from_db()
    assert harbour.time_zone == "Europe/Berlin"
    assert harbour.quiet_hours == ["Mon-Fri 22:00-06:00", "Sat 00:00-24:00"]
    assert (harbour.load_profile[0][8], harbour.load_profile[6][20]) == (100, 50)
    assert sum(map(sum, harbour.load_profile)) == 150

    shown = desk.get(page).context["adminform"].form
    again = form | {name: shown[name].value() for name in WEEK}
    assert desk.post(page, again).status_code == 302
    assert Site.objects.values("quiet_hours", "load_profile").get() == {
        "quiet_hours": harbour.quiet_hours,
        "load_profile": harbour.load_profile,
    }


def test_a_profile_of_any_numbers_is_read_back_as_it_was(desk, harbour, form, page):
    typed = "mon,8,1234567\nmon,9,999999999999\ntue,1,0.1\ntue,1,0.2\nwed,2,0.000001"
    assert desk.post(page, form | {"load_profile": typed}).status_code == 302
    shown = desk.get(page).context["adminform"].form["load_profile"].value()
    answer = desk.post(page, form | {"load_profile": shown})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    harbour.refresh_from_db()
    assert harbour.load_profile[0][8:10] == [1234567, 999999999999]
    few = (harbour.load_profile[1][1], harbour.load_profile[2][2])
    assert few == pytest.approx((0.3, 0.000001))


def test_an_empty_week_is_none(desk, harbour, form, page):
    desk.post(page, form | WEEK)
    desk.post(page, form | dict.fromkeys(WEEK, ""))
    harbour.refresh_from_db()
    assert (harbour.time_zone, harbour.quiet_hours, harbour.load_profile) == ("", None, None)


def test_what_waits_by_the_former_week_looks_again(desk, erin, harbour, form, page):
    names = ("quiet", "failed", "planned", "held")
    quiet, failed, planned, held = (placed(erin, harbour, name, price=1) for name in names)
    later = timezone.now() + timedelta(hours=6)
    Order.objects.update(due=later, status=Status.RUNNING)
    Order.objects.filter(pk=failed.pk).update(attempts=2)
    Order.objects.filter(pk=planned.pk).update(status=Status.PENDING, planned_start=later)
    Order.objects.filter(pk=held.pk).update(lease_until=later)
    desk.post(page, form | {"description": "the same week"})
    assert not Order.objects.free_to_claim().exists()
    desk.post(page, form | {"quiet_hours": "22:00-06:00"})
    assert list(Order.objects.free_to_claim()) == [quiet]
    assert Order.objects.get(pk=planned.pk).due == later


def test_what_it_was_before_is_in_its_history(desk, harbour, form, page):
    desk.post(page, form | WEEK)
    desk.post(page, form | WEEK | {"quiet_hours": ""})
    newest = FieldChange.objects.of(harbour).first()
    assert (newest.field, newest.after) == ("quiet_hours", "")
    assert newest.before == "Mon-Fri 22:00-06:00; Sat 00:00-24:00"


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("quiet_hours", "Mon-Fri", "cannot be read"),
        ("quiet_hours", "Mon-Zzz 1:00-2:00", "not a day of the week"),
        ("quiet_hours", "daily 0:00-24:00", "must not be quiet"),
        ("load_profile", "1 2 3 4", "4 values"),
        ("load_profile", "mon,24,1", "not an hour"),
        ("time_zone", "Mars/Olympus", "valid choice"),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_field(desk, harbour, form, page, field, text, words):
    answer = desk.post(page, form | {field: text})
    assert words in str(answer.context["adminform"].form.errors[field])
    harbour.refresh_from_db()
    assert (harbour.time_zone, harbour.quiet_hours, harbour.load_profile) == ("", None, None)


def test_who_may_only_look_sees_the_picture_and_no_field(carol, harbour, page):
    shown = client_of(carol).get(page).content.decode()
    assert "desk-week" in shown
    assert 'name="quiet_hours"' not in shown


def test_the_picture_crosses_out_what_is_quiet():
    cells = week_drawing.draw(DAILY_LOAD_PROFILE, ["Sun 22:30-01:15"])["cells"]
    quiet = {
        (cell.y, cell.x): sum(width for _x, width in cell.quiet) / week_drawing.CELL
        for cell in cells
        if cell.quiet
    }
    sunday, monday = max(y for y, _x in quiet), min(y for y, _x in quiet)
    assert [round(quiet[key], 2) for key in sorted(quiet)] == [1, 0.25, 0.5, 1]
    assert sunday - monday == 6 * week_drawing.CELL
    assert {cell.opacity for cell in cells} >= {"0.10", "1.00"}


def test_the_lines_are_read_back_in_every_language():
    kept = ["Mon-Fri 22:00-06:00", "Sat,Sun 00:00-24:00"]
    for language in ("en", "zh-hans"):
        with translation.override(language):
            words = list(map(in_words, quiet_lines("\n".join(kept))))
            assert quiet_lines("\n".join(words)) == quiet_lines("\n".join(kept))
    assert re.search("[一-鿿]", words[0])


def test_the_page_shows_the_zone_that_is_chosen(desk, harbour, form, page):
    desk.post(page, form | WEEK)
    shown = desk.get(page).content.decode()
    field = re.search(
        r'<select name="time_zone"[^>]*id="id_time_zone"[^>]*>(.*?)</select>', shown, re.S
    )
    assert re.findall(r'<option value="([^"]*)" selected>', field[1]) == ["Europe/Berlin"]
    assert field[1].count("<option ") == len(zones())


def test_time_zones_are_those_of_places():
    names = [name for name, _label in zones()]
    assert {"", "UTC", "Asia/Shanghai", "America/Argentina/Buenos_Aires"} <= set(names)
    assert not {name for name in names if name.startswith(("Etc/", "US/"))}
