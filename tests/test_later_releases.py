"""Beside this release a later one may run, on the same rows: what it wrote and this one does not
know is shown as it is, and is the later one's to work on."""

from decimal import Decimal

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import timezone

from booster import worker
from core import live, ordering
from core.bulk import jobs as bulk_jobs
from core.live.source import Audience
from core.models import (
    BulkJob,
    Calibration,
    ChargeRecord,
    Customer,
    FieldChange,
    ImportJob,
    LedgerEntry,
    Message,
    Occurrence,
    Order,
    OrderError,
    OrderEvent,
    Repeat,
    Site,
    SiteCheck,
    User,
    WaitingTopUp,
)
from core.ordering.settling import settle_now
from core.reports import metrics
from tests.base import client_of, lost_wake_ups, messages_of, sent_export
from tests.fuzzing import is_fault
from tests.test_permissions import PAGES, rows  # noqa: F401 - a fixture

LATER = 99
PORTAL = ("", "orders.csv", "balance/", "balance.csv", "audits/{calibration}/", "orders/{oid}/")
# Asked of a site.
ASKING = ("/verify/", "/probe/", "/try/", "/site/{site}/read/", "/calibrate/")


@pytest.fixture
def codes(rows, erin) -> dict[str, object]:  # noqa: F811
    """The rows, with a code of a later release wherever there is one."""
    order = Order.objects.get(pk=rows["order"])
    OrderEvent.objects.create(order=order, from_status=LATER, to_status=LATER, reason_code="later")
    ChargeRecord.objects.create(customer=erin, amount=Decimal(1), method=LATER)
    LedgerEntry.objects.bulk_create(
        [LedgerEntry(customer=erin, kind=LATER, amount=1, balance_after=1, reference="later:one")]
    )
    change = {"field": "later", "before": "a", "after": "b"}
    kind = ContentType.objects.get_for_model(Customer)
    FieldChange.objects.create(content_type=kind, object_id=erin.pk, **change)
    figures = {"readings": [["later", 0.5, 7]], "plays": [["later", 0.1, 0.2, 204, True, 1]]}
    Calibration.objects.update(status=LATER, stage="later", figures=figures, customer=erin)
    Order.objects.update(status=LATER, attention_code="later")
    BulkJob.objects.update(action=LATER, summary=[["later", 1, "5.00"]], refused=1)
    BulkJob.objects.get().refusals.create(object_id=1, name="erin", reason_code="later")
    ImportJob.objects.update(kind=LATER)
    Repeat.objects.update(every=LATER, next_at=timezone.now())
    bob = User.objects.get(username="bob")
    Message.objects.bulk_create([Message(order=order, author=bob, side=LATER, text="later")])
    WaitingTopUp.objects.update(status=LATER, method=LATER)
    SiteCheck.objects.update(outcome=LATER, method="later")
    Site.objects.update(adapter="later")
    return {**rows, "oid": order.oid}


def answers(client: Client, pages: list[str], methods: tuple[str, ...]) -> dict[str, int]:
    client.raise_request_exception = False
    found = {}
    for page in pages:
        for method in methods:
            response = getattr(client, method)(page)
            found[f"{method} {page}"] = response.status_code
            if response.streaming:
                b"".join(response.streaming_content)
    return found


@pytest.mark.slow
def test_no_page_fails_by_a_code_of_a_later_release(codes):
    pages = [page.format(**codes) for page in PAGES if not page.endswith(ASKING)]
    with lost_wake_ups():
        found = answers(client_of(User.objects.get(username="alice")), pages, ("get", "post"))
        own = [f"/portal/{page}".format(**codes) for page in PORTAL]
        found |= answers(client_of(User.objects.get(username="erin")), own, ("get",))
    assert {page: status for page, status in found.items() if is_fault(status)} == {}


def test_it_is_shown_as_it_is(codes):
    desk = client_of(User.objects.get(username="alice"))
    own = client_of(User.objects.get(username="erin"))
    for client, page in (
        *((desk, "/admin/core/order/{order}/change/"), (desk, "/admin/core/bulkjob/")),
        *((desk, "/admin/core/sitecheck/"), (desk, "/admin/core/ledgerentry/")),
        *((own, "/portal/"), (own, "/portal/balance/"), (own, "/portal/orders/{oid}/")),
    ):
        assert f">{LATER}<" in client.get(page.format(**codes)).content.decode(), page
    for model in ("order", "ledgerentry", "chargerecord"):
        export = b"".join(sent_export(desk, model).streaming_content).decode()
        assert f",{LATER}," in export.replace("\r\n", ","), model


def test_what_is_watched_and_what_machines_read_goes_on(codes):
    keys = {"order": codes["order"], "row": codes["order"], "messages": codes["order"]}
    keys |= {"importjob": codes["job"], "bulkjob": codes["bulk"], "customer": codes["customer"]}
    for prefix, key in keys.items():
        source = live.registered_sources()[prefix]
        source.versions([str(key)])
        for loaded in source.load([str(key)]).values():
            for audience in Audience:
                assert source.render(loaded, audience)
    assert f'kind="{LATER}"' in metrics.exposition().decode()


def test_nobody_works_on_it(codes, bob):
    order, due = Order.objects.get(pk=codes["order"]), Repeat.objects.get().next_at
    with lost_wake_ups():
        worker.sweep()
        bulk_jobs.run(codes["bulk"])
    assert Repeat.objects.get().next_at == due
    assert not Occurrence.objects.exists()
    for step in (ordering.cancel, ordering.pause, ordering.retry, settle_now):
        with pytest.raises(OrderError):
            step(order, bob)
    order.refresh_from_db()
    assert order.status == LATER


def test_a_bulk_action_of_a_later_release_is_not_begun_here(codes):
    BulkJob.objects.update(status=BulkJob.Status.WAITING)
    desk = client_of(User.objects.get(username="alice"))
    for name in ("start", "fill"):
        assert desk.post(f"/admin/core/bulkjob/{codes['bulk']}/{name}/").status_code == 403
    assert BulkJob.objects.get().status == BulkJob.Status.WAITING


def test_a_site_of_a_kind_of_a_later_release_says_so(codes, erin):
    Order.objects.update(status=8, old_view_count=1)
    desk = client_of(User.objects.get(username="alice"))
    site = Site.objects.get()
    url = {"url": f"{site.origin}/videos/dawn"}
    for name in ("try", "read", "calibrate"):
        response = desk.post(f"/admin/core/site/{site.pk}/{name}/", url, follow=True)
        assert any("does not know sites of the kind" in text for text in messages_of(response))
    quoted = desk.get("/admin/core/order/quote/", {"customer": erin.pk, "count": 10_000, **url})
    assert "does not know sites of the kind" in quoted.content.decode()
