"""How figures, times and states look on every page, for the desk and for customers."""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.template.defaultfilters import floatformat
from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext as _, ngettext

from core.models import Order, OrderEvent, SiteCheck, Status, label_of
from core.theme.escaping import escaped

if TYPE_CHECKING:
    from core.ordering import Quote

# A state's colour says what it asks of the reader; desk.css knows these names. A state that a later
# release wrote is shown as it is, in this colour.
UNKNOWN = "off"
TONES: dict[int, str] = {
    Status.PENDING: "waiting",
    Status.RUNNING: "busy",
    Status.COMPLETED: "good",
    Status.FAILED: "bad",
    Status.PARTIAL: "warn",
    Status.CANCELED: "off",
    Status.AWAITING: "warn",
    Status.VERIFYING: "busy",
    Status.PAUSED: "warn",
}
OUTCOME_TONES: dict[int, str] = {
    SiteCheck.Outcome.PROVED: "good",
    SiteCheck.Outcome.LOST: "bad",
    SiteCheck.Outcome.UNREACHABLE: "warn",
}


# A list shows the same few quantities, prices and states row after row.
REMEMBERED = 10_000


def number(value: int | None) -> str:
    return "–" if value is None else _grouped(value, 0, get_language())


def money(value: Decimal | None) -> str:
    return "–" if value is None else _grouped(value, 2, get_language())


@lru_cache(REMEMBERED)
def _grouped(value: int | Decimal, places: int, _language: str | None) -> str:
    return floatformat(value, f"{places}g")


def signed(value: Decimal) -> str:
    """An amount of the ledger, with its sign even if it is positive."""
    return f"+{money(value)}" if value > 0 else money(value)


def rate(value: Decimal | None) -> str:
    """A price per play, without trailing zeros: 0.0005."""
    return "–" if value is None else localize(value.normalize(), use_l10n=True)


def speed(plays: float | None) -> str:
    """Plays per second: from 10 on whole numbers, below that two digits."""
    if plays is None:
        return "–"
    if plays >= 10:
        return number(round(plays))
    return str(localize(float(f"{plays:.2g}"), use_l10n=True))


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    whole = max(1, round(seconds))
    if whole < 90:
        return ngettext("%(count)s second", "%(count)s seconds", whole) % {"count": whole}
    minutes = round(whole / 60)
    if minutes < 90:
        return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
    hours = round(minutes / 60)
    return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": number(hours)}


def pace(order: Order) -> str:
    if not order.hours:
        return _("as fast as the site allows")
    spread = ngettext("over %(hours)s hour", "over %(hours)s hours", order.hours)
    spread %= {"hours": number(order.hours)}
    return _("%(spread)s, by daily load profile") % {"spread": spread} if order.by_day else spread


def moment(when: datetime | None) -> str:
    """To the second, in the reader's time zone."""
    return "–" if when is None else date_format(timezone.localtime(when), "Y-m-d H:i:s")


def start(order: Order) -> str:
    """When an order is planned to start, if that is still to come; else ""."""
    if not order.starts_later or order.planned_start is None:
        return ""
    when = date_format(timezone.localtime(order.planned_start), _("j M, H:i"))
    return _("starts %(when)s") % {"when": when}


def tag(text: object, tone: str) -> SafeString:
    return format_html('<span class="desk-tag desk-tag--{}">{}</span>', tone, text)


def state(order: Order) -> SafeString:
    """The status, with a note if people hold the order in it."""
    note = _("canceled, being settled") if order.is_being_settled else start(order)
    tag = _status_tag(order.status, get_language())
    return format_html('{} <span class="desk-note">{}</span>', tag, note) if note else tag


@lru_cache(REMEMBERED)
def _status_tag(status: int, _language: str | None) -> SafeString:
    return tag(label_of(status), tone_of(status))


def tone_of(status: int) -> str:
    return TONES.get(status, UNKNOWN)


def shown_plays(order: Order) -> int:
    """How far an order came: plays received while it runs, plays proved once it ended."""
    return order.done if order.delivered is None else order.delivered


def percent(order: Order) -> int:
    """Whole percents, rounded down: 100 means all of them."""
    return shown_plays(order) * 100 // order.count


def progress_bar(order: Order) -> SafeString:
    return _progress_bar(order.status, shown_plays(order), order.count, get_language())


@lru_cache(REMEMBERED)
def _progress_bar(status: int, plays: int, count: int, _language: str | None) -> SafeString:
    text = _("%(done)s of %(count)s") % {"done": number(plays), "count": number(count)}
    return format_html(
        '<span class="desk-progress desk-progress--{}" role="img" aria-label="{}" title="{}">'
        '<span class="desk-progress__bar"><span style="width: {}%"></span></span>'
        '<span class="desk-progress__text">{}%</span></span>',
        tone_of(status),
        text,
        text,
        plays * 100 // count,
        plays * 100 // count,
    )


def link(url: str, text: Any) -> SafeString:
    return mark_safe(f'<a href="{escaped(url)}">{escaped(text)}</a>')  # noqa: S308


def link_out(url: str, text: str = "") -> SafeString:
    return format_html(
        '<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', url, text or url
    )


def video_name(order: "Order | Quote") -> str:
    """The site's title of the video, or its id."""
    return order.video_title or order.video_id


def video(order: Order) -> SafeString:
    """A link to it; fast, because lists ask for hundreds."""
    url, name = escaped(order.url), escaped(video_name(order))
    start = f'<a href="{url}" title="{url}" target="_blank" rel="noopener noreferrer">'
    return mark_safe(f"{start}{name}</a>")  # noqa: S308


def refund(order: Order) -> str:
    return money(order.refunded) if order.refunded else "–"


def live(content: str, order: Order, cell: str) -> SafeString:
    """A cell that order-live.js keeps fresh while the order is open."""
    is_open = "" if order.is_final else " data-open"
    inside = escaped(content)
    place = f'data-live-row="{order.pk}" data-live-cell="{cell}"'
    return mark_safe(f"<span {place}{is_open}>{inside}</span>")  # noqa: S308


def step(event: OrderEvent) -> SafeString:
    after = tag(event.get_to_status_display(), tone_of(event.to_status))
    if event.from_status is None or event.from_status == event.to_status:
        return after
    before = tag(event.get_from_status_display(), tone_of(event.from_status))
    return format_html("{} → {}", before, after)
