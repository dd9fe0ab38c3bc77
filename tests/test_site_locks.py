"""What the proof of open orders rests on stands still until they have ended; a private authority is
one site's own."""

import hashlib
import ssl
import threading
from datetime import UTC, datetime
from importlib import import_module

import pytest
import trustme
from django.apps import apps
from django.db import transaction

from core.models import Calibration, Order, Site, SiteCheck, Status
from core.models.calibrations import start
from core.models.sites import PROOF_FIELDS, UNCALIBRATED, SiteLockedError
from core.reasons import reason_of
from tests.base import an_order, client_of, messages_of, placed
from tests.raw_server import Connection, RawServer, answer
from tests.steps import settle

RECIPE = {
    "video_pattern": r"/videos/([\w-]+)",
    "count_path": "/api/videos/{video_id}",
    "count_json": "views",
    "play_method": "POST",
    "play_path": "/api/videos/{video_id}/plays",
}
CHANGES = {
    "origin": "https://other.example.com",
    "adapter": "peertube",
    "recipe": RECIPE,
    "resend_percent": 50,
    "ca_certificate": "another",
    "exact_proof": True,
}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def open_order(erin, harbour) -> Order:
    Site.objects.update(verified=True, calibrated_at=LONG_AGO)
    return placed(erin, harbour)


def kept(site: Site) -> Site:
    return Site.objects.get(pk=site.pk)


@pytest.mark.parametrize(("name", "value"), CHANGES.items())
@pytest.mark.parametrize("how", ["whole", "field"])
def test_what_a_proof_rests_on_is_locked_while_orders_are_open(
    open_order, harbour, name, value, how
):
    site = kept(harbour)
    before = getattr(site, name)
    setattr(site, name, value)
    with pytest.raises(SiteLockedError, match="This site has open orders") as locked:
        site.save(**({"update_fields": [name]} if how == "field" else {}))
    assert locked.value.reasons.keys() == {name}
    assert getattr(kept(harbour), name) == before
    assert kept(harbour).calibrated_at == LONG_AGO


def test_every_field_that_a_proof_rests_on_is_tried_here():
    columns = {field.name for field in Site._meta.get_fields() if field.concrete}
    assert CHANGES.keys() == {*PROOF_FIELDS} & columns


@pytest.mark.parametrize("name", sorted({*PROOF_FIELDS} - UNCALIBRATED))
def test_what_a_calibration_measures_is_locked_while_it_runs(harbour, bob, name):
    calibration = start(harbour, f"{harbour.origin}/videos/1", "1", bob)
    site = kept(harbour)
    before = getattr(site, name)
    setattr(site, name, CHANGES[name])
    with pytest.raises(SiteLockedError, match="A calibration is running on this site") as locked:
        site.save()
    assert locked.value.reasons.keys() == {name}
    assert getattr(kept(harbour), name) == before
    calibration.end(Calibration.Status.CANCELED)
    site.save()
    assert getattr(kept(harbour), name) == CHANGES[name]


def test_all_else_may_change_while_a_calibration_runs(desk, harbour, bob):
    start(harbour, f"{harbour.origin}/videos/1", "1", bob)
    form = form_of(harbour, name="Quay", max_rate=9999, resend_percent=50)
    errors = errors_of(desk.post(change_url(harbour), form | {"adapter": "peertube"}))
    assert errors.keys() == {"adapter"}
    assert "stop it" in errors["adapter"][0]
    assert desk.post(change_url(harbour), form).status_code == 302
    assert (kept(harbour).name, kept(harbour).max_rate) == ("Quay", 9999)


@pytest.mark.parametrize("status", [Status.PAUSED, Status.AWAITING, Status.VERIFYING])
def test_an_order_that_waits_is_open_too(open_order, harbour, status):
    Order.objects.update(status=status)
    with pytest.raises(SiteLockedError):
        Site(**values_of(harbour) | {"adapter": "peertube"}).save(force_update=True)


def values_of(site: Site) -> dict:
    return {field.attname: getattr(site, field.attname) for field in Site._meta.concrete_fields}


@pytest.mark.parametrize("name", ["max_connections", "max_rate"])
def test_a_ceiling_may_only_be_lowered_meanwhile(open_order, harbour, name):
    site = kept(harbour)
    setattr(site, name, getattr(site, name) + 1)
    with pytest.raises(SiteLockedError, match="only be lowered"):
        site.save()
    site = kept(harbour)
    setattr(site, name, getattr(site, name) - 1)
    site.save()
    assert getattr(kept(harbour), name) == getattr(site, name)
    assert kept(harbour).calibrated_at == LONG_AGO


def test_all_else_may_change_meanwhile(open_order, harbour):
    site = kept(harbour)
    site.name, site.memo, site.active = "Quay", "moved", False
    site.quiet_hours = ["Mon 22:00-24:00"]
    site.save()
    assert (kept(harbour).name, kept(harbour).calibrated_at) == ("Quay", LONG_AGO)


@pytest.mark.parametrize(("name", "value"), [*CHANGES.items(), ("max_rate", 2000)])
def test_once_they_have_ended_a_change_asks_for_a_new_calibration(open_order, harbour, name, value):
    settle(open_order, Status.CANCELED, 0)
    site = kept(harbour)
    setattr(site, name, value)
    site.save(update_fields=[name])
    changed = kept(harbour)
    assert getattr(changed, name) == value
    # How shortfalls are resent, and whether the site answers for an order, say nothing of how its
    # counter counts.
    is_kept = name in ("resend_percent", "exact_proof")
    assert changed.calibrated_at == (LONG_AGO if is_kept else None)
    # Another address or authority is another machine until it shows the token.
    assert changed.verified == (name not in ("origin", "ca_certificate"))


def test_what_a_calibration_itself_sets_keeps_its_date(harbour):
    site = kept(harbour)
    site.max_connections, site.calibrated_at = 32, LONG_AGO
    site.save()
    assert kept(harbour).calibrated_at == LONG_AGO


@pytest.mark.parametrize("office", ["postgresql"], indirect=True)
def test_no_order_slips_in_while_a_site_is_being_changed(office):
    """The order's row refers to the site's, which whoever changes it has locked."""
    order = an_order()
    settle(order, Status.CANCELED, 0)
    late = []

    def place() -> None:
        from django.db import connection

        late.append(placed(order.customer, Site.objects.get(), "late", count=100, price=1))
        connection.close()

    with transaction.atomic():
        site = Site.objects.get()
        assert site.objections({"adapter": "peertube"}) == {}
        thread = threading.Thread(target=place)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert late == []
        site.adapter = "peertube"
        site.save()
    thread.join(60)
    assert late
    with pytest.raises(SiteLockedError):
        Site(**values_of(site) | {"adapter": "demo"}).save(force_update=True)


# Sites at http that a record proved, before it counted at https only


def site_shown_by(method: str, origin: str) -> Site:
    site = Site.objects.create(name=origin, origin=origin, verified=True)
    for earlier in ("file", "dns", method):
        site.record_check(SiteCheck.Outcome.PROVED, method=earlier)
    site.record_check(SiteCheck.Outcome.UNREACHABLE)
    return site


def test_the_upgrade_asks_anew_what_a_record_proved_at_http(db):
    anew = site_shown_by("dns", "http://a.example.com")
    kept_ones = [
        site_shown_by("file", "http://b.example.com"),
        site_shown_by("dns", "https://c.example.com"),
    ]
    for _batch in import_module("core.migrations.0050_rows").ask_anew(apps, None):
        pass
    assert not kept(anew).verified
    check = anew.checks.first()
    assert check.outcome == SiteCheck.Outcome.LOST
    assert str(reason_of(check)).startswith(
        "The token is in a TXT record. Over http the file is required"
    )
    assert all(kept(site).verified for site in kept_ones)


# The form


def form_of(site: Site, **more) -> dict:
    names = ("name", "adapter", "max_connections", "max_rate", "resend_percent", "ca_certificate")
    return {name: getattr(site, name) for name in names} | {"active": "on"} | more


def errors_of(response) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def change_url(site: Site) -> str:
    return f"/admin/core/site/{site.pk}/change/"


def test_the_form_says_it_at_the_field(desk, open_order, harbour):
    form = form_of(harbour, adapter="peertube", max_rate=9999, resend_percent=50, name="Quay")
    errors = errors_of(desk.post(change_url(harbour), form))
    assert errors.keys() == {"adapter", "max_rate", "resend_percent"}
    assert "only be lowered" in errors["max_rate"][0]
    assert kept(harbour).name == "Harbour"
    assert desk.post(change_url(harbour), form_of(harbour, max_rate=1)).status_code == 302
    assert kept(harbour).max_rate == 1


def recipe_fields(desk, site: Site, **changes: str) -> dict[str, str]:
    """As the page sends them."""
    form = desk.get(change_url(site)).context["adminform"].form
    names = [name for name in form.fields if name.startswith("recipe_")]
    sent = {name: form[name].value() for name in names}
    sent |= {f"recipe_{name}": value for name, value in changes.items()}
    return {name: value for name, value in sent.items() if value not in (None, False)}


def test_a_recipe_as_it_was_is_no_change(desk, open_order, harbour):
    Site.objects.update(adapter="http", recipe=RECIPE)
    site = kept(harbour)
    assert (
        desk.post(change_url(site), form_of(site, **recipe_fields(desk, site))).status_code == 302
    )
    assert (kept(site).recipe, kept(site).calibrated_at) == (RECIPE, LONG_AGO)
    form = form_of(site, **recipe_fields(desk, site, play_path="/p/{video_id}"))
    assert errors_of(desk.post(change_url(site), form)).keys() == {"recipe_play_path"}
    assert kept(site).recipe == RECIPE


def test_a_credential_in_a_recipe_that_orders_rest_on_stays_where_it_is(desk, open_order, harbour):
    typed = RECIPE | {"count_path": "/api/videos/{video_id}?token=abcd"}
    Site.objects.update(adapter="http", recipe=typed)
    site = kept(harbour)
    form = form_of(site, name="Quay", **recipe_fields(desk, site))
    assert "{secret:token}" in form["recipe_count_path"]
    assert desk.post(change_url(site), form).status_code == 302
    site = kept(site)
    assert (site.name, site.recipe, site.calibrated_at) == ("Quay", typed, LONG_AGO)
    form = form_of(site, **recipe_fields(desk, site), new_secrets="token = another")
    assert errors_of(desk.post(change_url(site), form))
    assert kept(site).recipe == typed


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Harbour Film Club")


@pytest.fixture(scope="module")
def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


@pytest.fixture
def private_site(database, authority, pem, settings):
    """A site at https whose certificate its own authority issued; it shows its token and counts
    what is posted to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    site = Site(name="Private", adapter="demo")
    plays: list[bytes] = []

    def script(connection: Connection) -> None:
        while request := connection.read_request():
            first = request.partition(b"\r\n")[0]
            if first.startswith(b"POST"):
                plays.append(first)
            is_token = site.token.encode() in first
            views = b'{"views": %d}' % (7 + len(plays))
            connection.send(answer(site.token.encode() if is_token else views))

    with RawServer(script, tls=context) as server:
        settings.PRIVATE_SITES = (f"127.0.0.1:{server.port}",)
        site.origin = server.url
        site.save()
        yield site


def test_a_private_authority_is_trusted_once_it_is_pasted(desk, private_site, pem):
    url = f"/admin/core/site/{private_site.pk}/verify/"
    reply = desk.post(url, follow=True)
    assert "no valid certificate" in messages_of(reply)[0]
    reply = desk.post(
        change_url(private_site),
        form_of(private_site, ca_certificate=pem.replace("\n", "\r\n")),
        follow=True,
    )
    assert any("Another authority" in text for text in messages_of(reply))
    assert kept(private_site).ca_certificate == pem.strip()
    assert messages_of(desk.post(url, follow=True)) == ["The site shows our token and is verified."]
    page = desk.get(change_url(private_site)).content.decode()
    assert "organizationName=Harbour Film Club" in page
    assert fingerprint_of(pem) in page


def fingerprint_of(pem: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper()


def test_what_is_no_authority_is_refused_at_its_field(desk, private_site, authority, pem):
    key = authority.private_key_pem.bytes().decode()
    for text, why in (("nonsense", "not a certificate"), (pem + key, "private key")):
        reply = desk.post(change_url(private_site), form_of(private_site, ca_certificate=text))
        assert why in errors_of(reply)["ca_certificate"][0]
    assert kept(private_site).ca_certificate == ""


def test_a_site_at_http_has_no_authority(desk, site, pem):
    reply = desk.post(change_url(site), form_of(site, ca_certificate=pem))
    assert "https://" in errors_of(reply)["ca_certificate"][0]


def test_auditors_see_whom_a_site_trusts(carol, private_site, pem):
    Site.objects.update(ca_certificate=pem)
    page = client_of(carol).get(change_url(private_site)).content.decode()
    assert fingerprint_of(pem) in page
    assert "<textarea" not in page
