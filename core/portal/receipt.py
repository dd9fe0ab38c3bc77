"""A receipt: what was bought, delivered and finally paid, each figure with its calculation."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from core.models import Order
from core.pages import display
from core.reasons import Code


@dataclass(frozen=True, slots=True)
class Line:
    """A label, its figure, and the calculation; `total` closes a sum."""

    label: str
    figure: str
    how: str = ""
    total: bool = False


def plays_of(order: Order) -> list[Line]:
    lines = [
        Line(_("Ordered"), display.number(order.count)),
        Line(_("Received by the site"), display.number(order.done)),
    ]
    if order.uncertain and order.is_final:
        lines.append(Line(_("Sent, but the answer was lost"), display.number(order.uncertain)))
    if order.resent:
        lines.append(Line(_("of which resent"), display.number(order.resent)))
    if order.proof_code == Code.PROVED_BY_ORDER_NUMBER:
        exactly = display.number(order.proof_params["number"])
        how = _("for this order, as reported by the site")
        lines.append(Line(_("Counted by the site"), exactly, how))
    elif order.rise is not None:
        before, now = display.number(order.old_view_count), display.number(order.view_count)
        how = _("its counter went from %(before)s to %(now)s") % {"before": before, "now": now}
        if order.delivered is not None and order.delivered > order.rise:
            # Old orders ended without a reading, or by one that came too early.
            how = _("read too early: %(how)s") % {"how": how}
        lines.append(Line(_("Counted by the site"), display.number(order.rise), how))
    if order.delivered is not None:
        lines.append(Line(_("Delivered"), display.number(order.delivered), delivered(order), True))
    return lines


def delivered(order: Order) -> str:
    """Why so many, if the counter's rise does not say it."""
    if order.rise is None or order.delivered is None or order.rise <= order.delivered:
        return ""
    if order.proof_code == Code.PROVED_BESIDE_OTHERS:
        return _("other people's views, at most %(most)s, are not billed") % {
            "most": display.number((order.proof_params or {}).get("most"))
        }
    return _("other people's views are not billed")


def money_of(order: Order) -> list[Line]:
    lines = [Line(_("Price"), display.money(order.price), rule_of(order))]
    refund = order.refunded
    if order.delivered is None or refund is None:
        return lines
    how = _("nothing to refund")
    if order.delivered < order.count:
        how = _("%(price)s × %(undelivered)s undelivered ÷ %(count)s") % {
            "price": display.money(order.price),
            "undelivered": display.number(order.count - order.delivered),
            "count": display.number(order.count),
        }
    paid = order.price - refund
    lines.append(Line(_("Refund"), minus(refund), how))
    lines.append(Line(_("You paid"), display.money(paid), total=True))
    return lines


def rule_of(order: Order) -> str:
    """The price rule by which the plays were sold, as it was then."""
    if order.bundle_count is None or order.bundle_price is None:
        return _("%(rate)s per play") % {"rate": display.rate(order.unit_price)}
    bundle = {
        "plays": display.number(order.bundle_count),
        "price": display.money(order.bundle_price),
    }
    if order.bundle_count == order.count:
        return _("the bundle of %(plays)s plays for %(price)s") % bundle
    if order.bundle_count > order.count:
        return _("the bundle of %(plays)s plays for %(price)s, which costs less") % bundle
    rule = _("%(price)s × %(count)s ÷ %(plays)s, by the bundle of %(plays)s plays for %(price)s")
    return rule % (bundle | {"count": display.number(order.count)})


def minus(amount: Decimal) -> str:
    return f"−{display.money(amount)}" if amount else display.money(amount)
