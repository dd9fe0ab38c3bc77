"""Orders: `username,url,count,start,memo`, quoted, placed and paid for as the form does it.

The check asks each site for its token. The import holds rows locked and asks no network: each
delivery asks the site again before its first play and looks for the video; if there is none, the
order is refunded. A row above its uploader's limit awaits approval. A row is refused if an equal
order was delivered after the check, because nobody was told.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _

from core.importing import cells, store
from core.importing.accounts import find_customers
from core.importing.batch import Batch, Plan
from core.importing.columns import Layout
from core.importing.row_importer import RowImporter
from core.importing.rows import Row
from core.importing.starts import starts
from core.models import ImportedRows, ImportJob, LedgerEntry, Order, PricePolicy, Status
from core.ordering import Placement, Quote, Quoter, place_once
from core.ordering.equal_top_ups import recently
from core.permissions import Right

URL_LENGTH = Order._meta.get_field("url").max_length or 0
# Fields of a quote and the columns they are about.
COLUMNS = {"customer": "username", "url": "url", "count": "count"}


class OrderRows(RowImporter):
    right = Right.IMPORT_ORDERS
    books = LedgerEntry.Kind.ORDER
    required: ClassVar[tuple[str, ...]] = ("username", "url", "count")
    optional: ClassVar[tuple[str, ...]] = ("start", "memo")
    parsers: ClassVar[Mapping[str, cells.Parser]] = {
        "username": cells.usernames,
        "url": cells.up_to(URL_LENGTH),
        "count": cells.counts,
        "start": starts,
        "memo": cells.memos,
    }

    def __init__(self, job: ImportJob, layout: Layout) -> None:
        super().__init__(job, layout)
        self.quoter = Quoter(asks_sites=self.checks, reads_views=False)

    @property
    def prices(self) -> str:
        return PricePolicy.digest(self.quoter.bundles)

    def keys(self, rows: list[Row]) -> list[str]:
        index = self.layout.places["url"]
        # Remember nothing of what is no address.
        urls = (row[index].strip() for row in rows)
        videos = (self.quoter.video_at(url if len(url) <= URL_LENGTH else "") for url in urls)
        return [
            f"{video.site.pk}:{video.video_id}" if video.site and video.video_id else ""
            for video in videos
        ]

    def plan(self, batch: Batch, first_lines: Mapping[str, int]) -> Plan:
        batch.fill(start=None, memo="")
        self.drop_repeated(batch, "url", {key: line for key, line in first_lines.items() if key})
        find_customers(batch, lock=not self.checks)
        keys, placed = self.keys_and_written(batch, ImportedRows.Kind.ORDERS)
        new = [index for index, key in enumerate(keys) if key not in placed]
        if not self.checks:
            # Earlier blocks of an import are paid for already; a check has to remember its own.
            self.quoter.spent.clear()
        customers, urls, counts = (batch.values[name] for name in ("customer", "url", "count"))
        memos, starts = batch.values["memo"], batch.values["start"]
        quotes = self.quoter.prepare_many(
            (customers[index], urls[index], counts[index]) for index in new
        )
        quoted = list(zip(new, quotes, strict=True))
        repeats = repeats_among(
            [(batch.lines[index], quote) for index, quote in quoted if not quote.reasons]
        )
        unseen = set() if self.checks else dict(repeats).keys() - store.repeated_lines(self.job)
        placements, faults = [], {}
        for index, quote in quoted:
            line = batch.lines[index]
            if quote.reasons:
                faults[index] = [
                    batch.fault(index, COLUMNS[field], reason)
                    for field, reason in quote.errors.items()
                ]
            elif line in unseen:
                reason = _("The same order was delivered after the check: upload the row again.")
                faults[index] = [batch.fault(index, "url", reason)]
            else:
                start, key = starts[index], keys[index]
                placements.append(
                    Placement(quote, memos[index], planned_start=start, request_key=key)
                )
        batch.drop(faults)
        return Plan(
            batch,
            created=len(placements),
            unchanged=len(batch) - len(placements),
            amount=sum((one.quote.price or Decimal(0) for one in placements), Decimal(0)),
            new=placements,
            repeats=repeats,
        )

    def write(self, plan: Plan) -> None:
        if plan.created:
            orders = place_once(plan.new, self.job.creator)
            self.keep_written(ImportedRows.Kind.ORDERS, [order.pk for order in orders])


def repeats_among(quoted: Sequence[tuple[int, Quote]]) -> list[tuple[int, str]]:
    """By line, in words, rows that equal an order delivered in the last days. An order that still
    runs keeps its video to itself, and a file names a video once."""
    lately = Order.objects.filter(
        create_date__gte=recently(),
        customer__in={quote.customer.pk for _line, quote in quoted if quote.customer},
        status__in=(Status.COMPLETED, Status.PARTIAL),
    )
    columns = ("customer__username", "site", "video_id", "count", "create_date")
    found = {tuple(bought): date for *bought, date in lately.order_by("pk").values_list(*columns)}
    repeats = []
    for line, quote in quoted:
        name, site = str(quote.customer), quote.site and quote.site.pk
        if date := found.get((name, site, quote.video_id, quote.count)):
            day = timezone.localtime(date).date().isoformat()
            repeats.append((line, f"{name} {quote.url} ({day})"))
    return repeats
