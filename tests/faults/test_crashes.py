"""A process dies at each named point; whoever comes after it brings the order to its right end."""

import itertools
import time
import uuid
from datetime import timedelta
from functools import partial

import pytest

from booster import retry
from core import ordering
from core.importing import jobs, rows
from core.importing.uploads import new_job
from core.models import ImportJob, Order, PricePolicy, Status
from core.models.failpoints import POINTS
from core.ops.auditing import differences
from core.ordering import OrderRefusedError, Quote
from core.reasons import reason_of
from tests import rounds as deliveries
from tests.faults.guards import take_away
from tests.faults.trial import VIDEOS, Trial, must_fail, on, size

KILLED = -9
PLACING = POINTS[: POINTS.index("before-claim")]
DELIVERING = POINTS[POINTS.index("before-claim") : POINTS.index("before-settle")]
IMPORTING = POINTS[POINTS.index("before-block") : POINTS.index("before-undone")]
ENDING = POINTS[POINTS.index("before-settle") : POINTS.index("after-settle") + 1]
# How often a delivery of 300 plays passes a point at least.
PASSES = {"before-reserve": 2, "after-reserve": 2, "before-checkpoint": 3, "after-checkpoint": 3}
# Rows of an imported file, and blocks of two that it has.
ROWS, BLOCKS = 7, 4


def deliver(order: Order) -> None:
    """What a worker does with an order, without the waiting between."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        deliveries.deliver()
        waiting = Order.objects.open().filter(pk=order.pk)
        if not waiting.update(due=order.create_date):
            return
        time.sleep(0.05)
    raise TimeoutError(f"order {order.oid} does not end")


def deliver_after(trial: Trial, order: Order, crash_at: str) -> int:
    """A delivery that dies, and the next one, as soon as the lease has run out."""
    status = trial.in_child(partial(deliver, order), crash_at=crash_at)
    Order.objects.filter(pk=order.pk, lease_until__isnull=False).update(
        lease_until=order.create_date, due=order.create_date
    )
    assert trial.in_child(partial(deliver, order)) == 0
    return status


def test_whoever_dies_while_placing_an_order_leaves_all_of_it_or_nothing(trial, row):
    PricePolicy.objects.create(count=100, price="1.11")
    crashes = 0
    for point in PLACING:
        for _ in range(size(1, 20)):
            customer = trial.customer(f"erin-{point}-{crashes}", "5.00")
            key = uuid.uuid4()
            url = trial.demo_site.address(f"v{next(VIDEOS)}")

            def place(customer=customer, key=key, url=url) -> Order:
                return ordering.place(Quote.prepare(customer, url, 300), None, request_key=key)

            assert trial.in_child(place, crash_at=point) == KILLED
            crashes += 1
            customer.refresh_from_db()
            left = Order.objects.filter(request_key=key).first()
            assert customer.balance == 5 - (left.price if left else 0)
            # Staff press the button again.
            try:
                place()
            except OrderRefusedError as refused:
                assert left and "in use by another open order" in str(refused)
            order = Order.objects.get(request_key=key)
            deliver_after(trial, order, "")
    verdict = trial.verdict()
    row("crashes", f"{crashes} crashes while placing", verdict)
    assert verdict.broken == []


def test_whoever_dies_while_delivering_is_taken_over_without_a_lost_play(trial, row):
    trial.use_site(rate=1500)
    crashes = 0
    for point in DELIVERING:
        for _ in range(size(1, 20)):
            order = trial.place(300, wake=False)
            times = trial.dice.randint(1, PASSES.get(point, 1))
            crashes += deliver_after(trial, order, f"{point}:{times}") == KILLED
    verdict = trial.verdict()
    row("crashes", f"{crashes} while delivering", verdict)
    assert verdict.broken == []
    assert crashes == len(DELIVERING) * size(1, 20)


def test_whoever_dies_while_refunding_refunds_once(trial, row, monkeypatch):
    monkeypatch.setattr(retry, "TROUBLE_PATIENCE", timedelta(0))  # what a site answers is final
    crashes = 0
    for point in ENDING:
        for _ in range(size(1, 20)):
            order = trial.place(300, wake=False)
            trial.demo_site.fault("plays", "status", video=order.video_id, status=403)
            crashes += deliver_after(trial, order, point) == KILLED
            order.refresh_from_db()
            assert (order.status, str(order.refunded)) == (Status.FAILED, "3.33")
    verdict = trial.verdict(all_completed=False)
    row("crashes", f"{crashes} while refunding", verdict)
    assert verdict.broken == []
    assert crashes == len(ENDING) * size(1, 20)


@pytest.fixture
def small_blocks(office, settings, monkeypatch):
    """Files of a few rows, imported two by two."""
    settings.DATA_DIR = office.data_dir
    monkeypatch.setattr(rows.Table.blocks, "__kwdefaults__", {"skip": 0, "size": 2})


def file_of(trial: Trial, kind: ImportJob.Kind, name: str) -> str:
    if kind == ImportJob.Kind.CHARGES:
        return "username,amount\n" + f"{name},5\n" * ROWS
    lines = [f"{name},{trial.demo_site.address(f'v{next(VIDEOS)}')},10000\n" for _ in range(ROWS)]
    return "username,url,count\n" + "".join(lines)


def upload(kind: ImportJob.Kind, text: str, *, by_blocks: bool) -> ImportJob:
    job = new_job(kind, "rows.csv", iter([text.encode()]), creator=None)
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == ImportJob.Status.CHECKED, reason_of(job)
    assert job.start_import(partial=by_blocks)
    return job


def import_after(trial: Trial, job: ImportJob, crash_at: str) -> int:
    """An import that dies, and the next one."""
    status = trial.in_child(partial(jobs.run, job.pk), crash_at=crash_at)
    ImportJob.objects.filter(pk=job.pk).update(lease_until=None)
    assert trial.in_child(partial(jobs.run, job.pk)) == 0
    return status


def test_whoever_dies_while_importing_loses_no_row_and_doubles_none(trial, row, small_blocks):
    crashes = lost = 0
    kinds = (ImportJob.Kind.CHARGES, ImportJob.Kind.ORDERS)
    ways = [(point, True) for point in IMPORTING] + [("after-block", False)]
    for point, by_blocks in ways:
        for kind, number in itertools.product(kinds, range(size(1, 20))):
            customer = trial.customer(f"{kind.name}-{point}-{by_blocks}-{number}", "35.00")
            job = upload(kind, file_of(trial, kind, customer.username), by_blocks=by_blocks)
            times = trial.dice.randint(1, BLOCKS)
            crashes += import_after(trial, job, f"{point}:{times}") == KILLED
            job.refresh_from_db()
            customer.refresh_from_db()
            lost += ROWS - job.created
            assert job.status == ImportJob.Status.DONE, reason_of(job)
            assert customer.balance == (70 if kind == ImportJob.Kind.CHARGES else 0)
    row("crashes", f"{crashes} while importing", figures=f"{lost} rows lost")
    assert (lost, list(differences())) == (0, [])
    assert Order.objects.count() == ROWS * len(ways) * size(1, 20)
    assert crashes == len(ways) * len(kinds) * size(1, 20)


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_without_keys_and_steps_a_crashed_import_charges_twice(trial, control, small_blocks):
    """The control."""
    customer = trial.customer("erin", "35.00")
    text = file_of(trial, ImportJob.Kind.CHARGES, "erin")
    job = upload(ImportJob.Kind.CHARGES, text, by_blocks=True)

    def run_without() -> None:
        take_away(["row_keys"])
        jobs.run(job.pk)

    assert trial.in_child(run_without, crash_at="after-block:2") == KILLED
    ImportJob.objects.filter(pk=job.pk).update(lease_until=None)
    assert trial.in_child(run_without) == 0
    customer.refresh_from_db()
    assert customer.balance == 70 + 4 * 5
    control("keys and steps of an import", f"{customer.balance - 70} charged twice")


@on("postgresql")
def test_a_consumer_dies_where_its_environment_says(trial):
    """The whole way: a worker of a real run_huey dies and another consumer takes over."""
    order = trial.place(300)
    dying = trial.consumer("--workers=1", OFFICE_CRASH_AT="after-reserve:2", wait=False)
    dying.wait_until(lambda: Order.objects.filter(reserved__gt=100).exists(), "reserve")
    dying.kill()
    trial.consumer()
    trial.wait_for_the_end()
    assert trial.verdict().broken == []
    order.refresh_from_db()
    assert order.fence >= 2


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_an_unknown_point_stops_the_start(office):
    office.env["OFFICE_CRASH_AT"] = "somewhere"
    done = office.manage("check", check=False)
    assert done.returncode != 0
    assert "OFFICE_CRASH_AT='somewhere' is no point" in done.stderr


@pytest.mark.parametrize("office", ["sqlite"], indirect=True)
def test_without_recovery_the_plays_of_a_dead_run_are_missed(trial, control):
    """The control: believe that what was on the wire arrived."""
    trial.use_site(rate=4000, connections=1)
    order = trial.place(300, wake=False)
    status = trial.in_child(partial(deliver, order), crash_at="after-checkpoint")
    Order.objects.update(lease_until=order.create_date)

    def deliver_believing() -> None:
        take_away(["recovery"])
        deliver(order)

    assert (status, trial.in_child(deliver_believing)) == (KILLED, 0)
    verdict = trial.verdict()
    must_fail(verdict)
    control("recovery of what was on the wire", verdict)
