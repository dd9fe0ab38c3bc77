"""The limits found on a site that asked for less, and what staff can do about them."""

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _, ngettext

from core.models import Site
from core.pages import display


def limits_of(site: Site) -> list[str]:
    """A text for each limit found: "4.8 plays per second", "2 plays at once"."""
    found = []
    if site.learned_rate:
        found.append(_("%(plays)s plays per second") % {"plays": display.speed(site.learned_rate)})
    if most := connections_of(site):
        text = ngettext("%(plays)s play at once", "%(plays)s plays at once", most)
        found.append(text % {"plays": display.number(most)})
    return found


def connections_of(site: Site) -> int | None:
    """The lower limit: what it accepts at once, or what it counts without a loss."""
    return min(filter(None, (site.learned_connections, site.counted_connections)), default=None)


def learned_of(site: Site) -> dict[str, str]:
    """`found` and `advice`; {} for a site without a limit."""
    limits = limits_of(site)
    if not limits:
        return {}
    if len(limits) == 2:
        limits = [_("%(rate)s and %(connections)s") % {"rate": limits[0], "connections": limits[1]}]
    found = _("Detected limit: %(limits)s (%(when)s).")
    words = {"limits": limits[0], "when": when_of(site)}
    return {"found": found % words, "advice": advice_of(site)}


def when_of(site: Site) -> str:
    if site.learned_at is None:
        return "–"
    return date_format(timezone.localtime(site.learned_at), _("j M, H:i"))


def advice_of(site: Site) -> str:
    if connections_of(site) == 1:
        return _(
            "Orders keep to this limit by themselves; after a day without a loss they try "
            "more. If the site adds views without a lock, enter 1 as “most connections”. "
            "If it limits connections instead, ask its operator to raise that limit."
        )
    if site.learned_rate:
        return _(
            "Orders start at that pace and find out by themselves whether the site accepts "
            "more. If the limit is intended, enter it as “most plays a second”. If not, "
            "ask the site's operator to raise the request limit in front of the site."
        )
    return _(
        "Orders start with that many and find out by themselves whether the site "
        "accepts more. If the limit is intended, enter it as “most connections”. If "
        "not, ask the site's operator to raise the connection limit in front of the "
        "site."
    )
