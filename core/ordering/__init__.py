"""From an address and a quantity to a quote, and from a quote to an order: the one way in for the
admin, the portal, imports and commands.

`Quote.prepare()` collects what speaks against the order, each at its field; nothing is written.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from booster import sites, tasks
from booster.exceptions import OwnershipError, PermanentError, SiteError, TemporaryError
from booster.net.address import Origin
from booster.ownership import verification
from booster.sites.trial import Trial, try_once
from core import money
from core.db import statements
from core.models import (
    ApprovalLimit,
    Customer,
    InsufficientBalanceError,
    LedgerEntry,
    Message,
    Order,
    OrderError,
    PricePolicy,
    Side,
    Site,
    Status,
    User,
    VideoBusyError,
    breaker_of,
)
from core.models.ledger import adjustment_reference
from core.reasons import said

# A site proved this lately is not asked again while somebody types.
FRESH = timedelta(seconds=30)
# What one order may buy; its figures must fit their columns.
MAX_COUNT = 1_000_000_000


@dataclass(slots=True)
class Quote:
    """What an order would cost and where it would go. `errors`: field name -> what is wrong."""

    customer: Customer | None
    url: str
    count: int | None
    price: Decimal | None = None
    unit_price: Decimal | None = None
    bundle: money.Bundle | None = None
    balance_after: Decimal | None = None
    site: Site | None = None
    video_id: str = ""
    views: int | None = None
    seconds: float | None = None
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def prepare(cls, customer: Customer | None, url: str, count: int | None) -> "Quote":
        """Price, balance, site and video, as far as the answers given so far allow."""
        quote = cls(customer, url.strip(), count)
        quote._find_price()
        quote._find_customer()
        quote._find_video()
        return quote

    def _find_price(self) -> None:
        if self.count is None:
            return
        if self.count < 1:
            self.errors["count"] = _("At least one play.")
            return
        if self.count > MAX_COUNT:
            self.errors["count"] = _("At most %(most)s plays.") % {"most": f"{MAX_COUNT:,}"}
            return
        try:
            self.bundle = money.bundle_for(self.count, PricePolicy.bundles())
        except money.QuantityTooSmallError as error:
            if error.minimum is None:
                self.errors["count"] = _("No price policy is active; nothing can be sold.")
            else:
                self.errors["count"] = _("The smallest order is %(minimum)s plays.") % {
                    "minimum": f"{error.minimum:,}"
                }
            return
        self.price = money.price_by(self.bundle, self.count)
        self.unit_price = money.rate_of(self.price, self.count)

    def _find_customer(self) -> None:
        if self.customer is None:
            return
        if not self.customer.active:
            self.errors["customer"] = _("This customer is switched off.")
        elif self.price is not None:
            self.balance_after = self.customer.balance - self.price
            if self.balance_after < 0:
                self.errors["customer"] = balance_error(-self.balance_after)

    def _find_video(self) -> None:
        if not self.url:
            return
        try:
            origin = Origin.parse(self.url)
            self.site = statements.first(Site.objects.filter, origin=str(origin), active=True)
            if self.site is None:
                self.errors["url"] = _("%(origin)s is not one of our sites.") % {"origin": origin}
                return
            adapter = sites.adapter(self.site.adapter, self.site.recipe)
            self.video_id = adapter.video_id(origin.path_of(self.url))
            verification.confirm(self.site, FRESH)
            self.views = verification.views_of(self.site, self.video_id)
        except OwnershipError as error:
            self.errors["url"] = _("The site is not verified: %(reason)s") % {
                "reason": said(str(error))
            }
        except TemporaryError as error:
            self.errors["url"] = _("The site cannot be reached now: %(reason)s") % {
                "reason": said(str(error))
            }
        except PermanentError as error:
            self.errors["url"] = said(str(error))
        else:
            if self.count:
                self.seconds = self.count / self.site.max_rate
            video = {"site": self.site.pk, "video_id": self.video_id}
            if statements.first(Order.objects.open_on, **video):
                self.errors["url"] = _("Another order already runs on this video.")

    def needs_approval(self, creator: User | None) -> bool:
        """Whether the order, placed by this user, would wait for a second person."""
        return self.price is not None and ApprovalLimit.objects.holds(self.price, creator)

    def place(
        self,
        creator: User | None,
        *,
        memo: str = "",
        hours: int = 0,
        by_day: bool = False,
        request_key: uuid.UUID | None = None,
        beside: Callable[[Order], object] | None = None,
    ) -> Order:
        """Charge and create the order, and wake the consumers once that is committed, unless
        it awaits approval. `beside(order)` writes what shall stand or fall with it.

        Call it on a quote without errors. Raises OrderRefusedError when the balance or the
        video was taken in the meantime.
        """
        if self.errors or None in (self.customer, self.site, self.count, self.price):
            raise OrderRefusedError(self.errors or {"__all__": _("The order is not complete.")})
        assert self.customer and self.site and self.count and self.price is not None
        try:
            order = Order.objects.place(
                customer=self.customer,
                site=self.site,
                video_id=self.video_id,
                url=self.url,
                count=self.count,
                price=self.price,
                bundle=self.bundle,
                creator=creator,
                memo=memo,
                hours=hours,
                by_day=by_day,
                request_key=request_key,
                beside=beside,
            )
        except InsufficientBalanceError as error:
            raise OrderRefusedError({"customer": balance_error(error.missing)}) from None
        except VideoBusyError as error:
            raise OrderRefusedError({"url": str(error)}) from None
        if order.status != Status.AWAITING:
            tasks.wake_on_commit(order.pk)
        return order


class OrderRefusedError(Exception):
    """`errors`: field name -> why the order was not placed. Nothing was charged."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


def cancel(order: Order, actor: User | None, reason: str = "") -> None:
    """Cancel, and let whoever delivers the order know at once."""
    order.cancel(actor, reason)
    if order.cancel_requested:
        with transaction.atomic():
            tasks.wake_on_commit(order.pk)


def retry(order: Order, actor: User) -> None:
    """Go on now instead of when the order is next due, also at a site that seemed down."""
    order.retry(actor)
    if breaker := breaker_of(order.site):
        breaker.probe_now()
    with transaction.atomic():
        tasks.wake_on_commit(order.pk)


def approve(order: Order, actor: User) -> None:
    """Let an order that awaited approval be delivered."""
    with transaction.atomic():
        order.approve(actor)
        tasks.wake_on_commit(order.pk)


def decline(order: Order, actor: User, reason: str) -> None:
    """Refund in full what awaited approval, and tell the customer why, who can answer there."""
    with transaction.atomic():
        order.decline(actor, reason)
        Message.objects.append(order, actor, Side.DESK, reason.strip())


def verify(site: Site, actor: User | None) -> str:
    """Check a site now and let the orders go on that waited for it; what to tell the staff."""
    check = verification.verify(site, actor)
    if breaker := breaker_of(site):
        breaker.probe_now()
    if site.verified:
        for order_id in verification.resume_held_orders(site, actor):
            tasks.wake(order_id)
    return check.reason


def try_site(site: Site, url: str) -> Trial:
    """Send one play that nobody bought to a video of a site that proves to be ours.

    Raises OrderError when it may not be sent there, and where an open order would take the play
    for one of its own.
    """
    if not site.verified:
        raise OrderError(_("The site is not verified; plays may not go there yet."))
    try:
        path = Origin.parse(site.origin).path_of(url.strip())
        adapter = sites.adapter(site.adapter, site.recipe)
        video_id = adapter.video_id(path)
        verification.confirm(site)
        target = verification.target_of(site)
    except SiteError as error:
        raise OrderError(said(str(error))) from None
    if Order.objects.open_on(site, video_id).exists():
        raise VideoBusyError(_("Another order already runs on this video."))
    return try_once(target, adapter, path, f"trial-{site.pk}-{timezone.now():%Y%m%d%H%M%S%f}")


def adjust(
    customer: Customer, amount: Decimal, *, note: str, actor: User, request_key: uuid.UUID | None
) -> LedgerEntry:
    """Correct a balance by a new entry. Raises InsufficientBalanceError, and IntegrityError where
    the same `request_key` did it before."""
    with transaction.atomic():
        return LedgerEntry.objects.post(
            kind=LedgerEntry.Kind.ADJUSTMENT,
            customer_id=customer.pk,
            amount=amount,
            reference=adjustment_reference(request_key or uuid.uuid4()),
            creator_id=actor and actor.pk,
            note=note,
        )


def balance_error(missing: Decimal) -> str:
    return _("The balance is short by %(missing)s.") % {"missing": missing}
