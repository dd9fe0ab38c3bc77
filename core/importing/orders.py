"""Orders: `username,url,count,memo`, quoted and paid for as a whole and placed as the form does.

The check asks each site of the file for its token; the import, which holds rows locked, asks no
network: every delivery asks the site again before its first play. Whether a video exists is asked
there too, and an order for one that does not is refunded. A row above its uploader's limit awaits
approval.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

from django.db import connection
from django.db.models import F
from django.utils.translation import gettext as _

from booster import sites, tasks
from booster.exceptions import OwnershipError, PermanentError, TemporaryError
from booster.net.address import Origin
from booster.ownership import verification
from core import money
from core.db import tables
from core.importing import cells
from core.importing.accounts import Account, accounts_of, drop_unknown
from core.importing.batch import Batch, Plan, RowError
from core.importing.columns import Layout
from core.importing.row_importer import RowImporter
from core.importing.rows import Row
from core.models import (
    ApprovalLimit,
    ImportJob,
    LedgerEntry,
    Order,
    OrderEvent,
    Posting,
    PricePolicy,
    Site,
    Status,
)
from core.models.ledger import order_reference
from core.ordering import FRESH, balance_error
from core.reasons import said

# Addresses, and quantities, of one file that are remembered: each is asked for twice or more.
ADDRESSES = 20_000


@dataclass(frozen=True, slots=True)
class Video:
    """Where an address leads; `error` says why it leads nowhere."""

    site_id: int = 0
    video_id: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class NewOrder:
    account: Account
    video: Video
    url: str
    count: int
    price: Decimal
    bundle: money.Bundle
    memo: str
    request_key: Any


class OrderRows(RowImporter):
    """Blocks of a file of orders against the database."""

    required: ClassVar[tuple[str, ...]] = ("username", "url", "count")
    optional: ClassVar[tuple[str, ...]] = ("memo",)
    parsers: ClassVar[Mapping[str, cells.Parser]] = {
        "username": cells.usernames,
        "url": cells.up_to(500),
        "count": cells.counts,
        "memo": cells.memos,
    }

    def __init__(self, job: ImportJob, layout: Layout) -> None:
        super().__init__(job, layout)
        self.bundles = PricePolicy.bundles()
        self.limit = ApprovalLimit.objects.of(job.creator)
        self.sites = {Origin.parse(one.origin): one for one in Site.objects.filter(active=True)}
        self.adapter_of = lru_cache(None)(
            lambda origin: sites.adapter(self.sites[origin].adapter, self.sites[origin].recipe)
        )
        self.priced = lru_cache(ADDRESSES)(self._priced)
        self.site_errors: dict[int, str] = {}
        self.video_of = lru_cache(ADDRESSES)(self._video_of)
        # A check writes nothing, so it has to remember what earlier blocks would have spent.
        self.spent: dict[int, Decimal] = {}

    def keys(self, rows: list[Row]) -> list[str]:
        index = self.layout.places["url"]
        videos = (self.video_of(row[index]) for row in rows)
        return [f"{video.site_id}:{video.video_id}" if video.site_id else "" for video in videos]

    def plan(self, batch: Batch, first_lines: Mapping[str, int]) -> Plan:
        first_lines = {key: line for key, line in first_lines.items() if key}
        self.drop_repeated(batch, "url", first_lines)
        accounts = accounts_of(batch.values["username"])
        drop_unknown(batch, accounts)
        keys = self.row_keys(batch)
        placed = tables.request_keys(Order, keys)
        busy = self._busy(batch)
        for account in accounts.values():
            account.balance -= self.spent.get(account.pk, Decimal(0))
        new, faults = [], {}
        memos = batch.values.get("memo") or [""] * len(batch)
        for index, key in enumerate(keys):
            if key in placed:
                continue
            account = accounts[batch.values["username"][index]]
            order = self._order(batch, index, account, memos[index], key, busy)
            if isinstance(order, RowError):
                faults[index] = [order]
                continue
            account.balance -= order.price
            new.append(order)
            if not connection.in_atomic_block:
                before = self.spent.get(account.pk, Decimal(0))
                self.spent[account.pk] = before + order.price
        batch.drop(faults)
        amount = sum((order.price for order in new), Decimal(0))
        return Plan(batch, len(new), 0, len(batch) - len(new), amount, new)

    def write(self, plan: Plan) -> None:
        """Orders, their debits and first events. After commit the consumers hear of as many as a
        sweep wakes; sweeps find the others as these come to an end. They pass by those that await
        approval."""
        orders: list[NewOrder] = plan.new
        if not orders:
            return
        creator = tables.Constant(self.job.creator_id)
        ids = tables.new_ids(Order, len(orders))
        numbers = order_numbers(orders)
        customers = [order.account.pk for order in orders]
        statuses = [self._status(order.price).value for order in orders]
        tables.insert(
            Order,
            id=ids,
            oid=numbers,
            status=statuses,
            customer=customers,
            site=[order.video.site_id for order in orders],
            video_id=[order.video.video_id for order in orders],
            url=[order.url for order in orders],
            count=[order.count for order in orders],
            price=[str(order.price) for order in orders],
            unit_price=[str(money.rate_of(order.price, order.count)) for order in orders],
            bundle_count=[order.bundle.count for order in orders],
            bundle_price=[str(order.bundle.price) for order in orders],
            memo=[order.memo for order in orders],
            request_key=[order.request_key for order in orders],
            creator=creator,
        )
        LedgerEntry.objects.post_many(
            [
                Posting(
                    kind=LedgerEntry.Kind.ORDER,
                    customer_id=order.account.pk,
                    amount=-order.price,
                    reference=order_reference(number),
                    order=Order(pk=pk),
                    creator_id=self.job.creator_id,
                )
                for pk, number, order in zip(ids, numbers, orders, strict=True)
            ]
        )
        tables.insert(
            OrderEvent,
            order=ids,
            to_status=statuses,
            creator=creator,
        )
        tasks.wake_some_on_commit(
            [pk for pk, status in zip(ids, statuses, strict=True) if status == Status.PENDING]
        )

    def _status(self, price: Decimal) -> Status:
        awaits = self.limit is not None and price > self.limit
        return Status.AWAITING if awaits else Status.PENDING

    def _order(
        self,
        batch: Batch,
        index: int,
        account: Account,
        memo: str,
        key: Any,
        busy: set[tuple[int, str]],
    ) -> "NewOrder | RowError":
        url, count = batch.values["url"][index], batch.values["count"][index]
        video = self.video_of(url)
        error = video.error or self._site_error(video.site_id)
        if not error and (video.site_id, video.video_id) in busy:
            error = _("Another order already runs on this video.")
        if error:
            return RowError(batch.lines[index], "url", url, error)
        try:
            bundle, price = self.priced(count)
        except money.QuantityTooSmallError as small:
            reason = _("No price policy is active; nothing can be sold.")
            if small.minimum is not None:
                least = {"minimum": f"{small.minimum:,}"}
                reason = _("The smallest order is %(minimum)s plays.") % least
            return RowError(batch.lines[index], "count", str(count), reason)
        if account.balance < price:
            name = batch.values["username"][index]
            missing = balance_error(price - account.balance)
            return RowError(batch.lines[index], "username", name, missing)
        return NewOrder(account, video, url.strip(), count, price, bundle, memo, key)

    def _busy(self, batch: Batch) -> set[tuple[int, str]]:
        """Videos of this batch that an open order holds."""
        ids = {self.video_of(url).video_id for url in batch.values["url"]}
        held = Order.objects.open().filter(tables.InArray(F("video_id"), sorted(ids)))
        return set(held.order_by().values_list("site_id", "video_id"))

    def _priced(self, count: int) -> tuple[money.Bundle, Decimal]:
        bundle = money.bundle_for(count, self.bundles)
        return bundle, money.price_by(bundle, count)

    def _video_of(self, url: str) -> Video:
        try:
            origin, path = Origin.split(url.strip())
            site = self.sites.get(origin)
            if site is None:
                return Video(error=_("%(origin)s is not one of our sites.") % {"origin": origin})
            return Video(site.pk, self.adapter_of(origin).video_id(path))
        except PermanentError as error:
            return Video(error=said(str(error)))

    def _site_error(self, site_id: int) -> str:
        """Why nothing may be sold on this site; asks it once a file, and only while no rows are
        locked."""
        if site_id not in self.site_errors:
            self.site_errors[site_id] = self._ask_site(site_id)
        return self.site_errors[site_id]

    def _ask_site(self, site_id: int) -> str:
        site = next(site for site in self.sites.values() if site.pk == site_id)
        try:
            if not connection.in_atomic_block:
                verification.confirm(site, FRESH)
            elif not site.verified:
                raise OwnershipError(_("The site is not verified."))
        except OwnershipError as error:
            return _("The site is not verified: %(reason)s") % {"reason": said(str(error))}
        except TemporaryError as error:
            return _("The site cannot be reached now: %(reason)s") % {"reason": said(str(error))}
        except PermanentError as error:
            return said(str(error))
        return ""


def order_numbers(orders: list[NewOrder]) -> list[str]:
    """As new_oid() makes them, a microsecond apart."""
    now = datetime.now(UTC)
    return [
        f"{order.account.pk}-{now + timedelta(microseconds=index):%Y%m%d%H%M%S%f}"
        for index, order in enumerate(orders)
    ]
