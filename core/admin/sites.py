"""The sites plays may go to: whose they are is proved before anything is sent there."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booster import sites as kinds
from booster.exceptions import AddressRefusedError, TemporaryError
from booster.net.address import Origin, resolve
from booster.net.client import Exchange
from booster.ownership.tokens import file_path, record_name
from booster.sites.http import HttpAdapter
from core import ordering
from core.admin.add_form import ADDED, AddFormAdmin
from core.admin.base import Button, ViewOnlyAdmin, list_url, staff
from core.admin.breakers import sending_state
from core.admin.recipes import RECIPE_FIELDS, RecipeForm
from core.exporting.downloads import csv_answer
from core.exporting.lists import register_of
from core.models import OrderError, Site, SiteCheck
from core.pages import display
from core.permissions import Right, may
from core.reasons import reason_of, translate, translate_error

CHECKS_SHOWN = 10
# A page of a site may be long; what is wrong with it shows at its beginning.
EXCHANGE_SHOWN = 4000
KINDS = [(slug, gettext_lazy(label)) for slug, label in kinds.CHOICES]
LIMITS = ("max_connections", "max_rate", "resend_percent")


class SiteForm(RecipeForm):
    adapter = forms.ChoiceField(label=gettext_lazy("Kind of site"), choices=KINDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields.keys() & set(LIMITS):  # none of them for who may only look
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """A limit left empty is the usual one."""
        cleaned = super().clean()
        for name in LIMITS:
            if name not in self.errors and cleaned.get(name) is None:
                cleaned[name] = getattr(Site(), name)
        return cleaned

    def clean_origin(self) -> str:
        """Scheme, host and port, as every order's address is compared with them."""
        try:
            origin = Origin.parse(self.cleaned_data["origin"].strip())
            resolve(origin, allowed=settings.PRIVATE_SITES)
        except AddressRefusedError as error:
            raise forms.ValidationError(translate_error(error)) from None
        except TemporaryError:
            pass  # no name server answers now: the check that follows will say so
        return str(origin)


@admin.register(Site)
class SiteAdmin(AddFormAdmin):
    form = SiteForm
    change_form_template = "desk/site_form.html"
    object_actions = ("verify",)
    list_display = (
        *("name", "origin", "kind", "proof", "verified_at", "sending"),
        *("max_connections", "max_rate", "active"),
    )
    list_filter = ("verified", "active")
    search_fields = ("name", "origin")
    list_select_related = ("breaker",)
    readonly_fields = ("proof", "verified_at", "checked_at", "sending")

    class Media:
        js = ("office/site-form.js",)

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.own_path("<int:pk>/token/", self.token_view, "token"),
            self.own_path("<int:pk>/try/", self.try_view, "try"),
            self.own_path("<int:pk>/plays.csv", self.plays_view, "plays"),
        ]
        return own + super().get_urls()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        typed = ("name", "origin", "adapter", *LIMITS, "active", "memo")
        may_type = obj is None or self.has_change_permission(request, obj)
        recipe = {
            "fields": RECIPE_FIELDS if may_type else ("recipe",),
            "classes": ("desk-recipe",),
        }
        found = [(None, {"fields": typed}), (_("Recipe"), recipe)]
        if obj is not None:
            proof = {"fields": ("proof", "verified_at", "checked_at", "sending")}
            found.append((_("Ownership"), proof))
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The token was placed at one address, and orders were sold for it."""
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, "origin")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A new site: the form, and what Save does. Names are looked up while the form is checked
        and the site is asked when it is committed: on SQLite a transaction that is open meanwhile
        would hold the only write lock."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.add_form(request, SiteForm)
        if form.is_valid():
            with transaction.atomic():
                site = form.save()
                self.log_addition(request, site, ADDED)
            self.message_user(request, *self.verify(request, site))
            return self.response_add(request, site)
        context = {"show_save_and_continue": True, **(extra_context or {})}
        return self.add_page(request, form, form_url, context)

    def buttons(self, request: HttpRequest, obj: Site) -> list[Button]:
        found = []
        if self.has_change_permission(request, obj):
            found.append(self.post_button(obj, "verify", _("Verify now"), tone="primary"))
            if obj.verified:
                found.append(self.try_button(obj))
        user = staff(request)
        if may(user, Right.SEE_ORDERS):
            found.append(Button(_("Orders"), list_url("order", site__id__exact=obj.pk)))
            register = reverse("admin:core_site_plays", args=[obj.pk])
            found.append(Button(_("Register of plays sent (CSV)"), register))
        if may(user, Right.SEE_SITE_CHECKS):
            found.append(Button(_("All checks"), list_url("sitecheck", site__id__exact=obj.pk)))
        return found

    def plays_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """What the site's owner subtracts from the site's figures."""
        site = self.seen_or_404(request, pk)
        if not may(staff(request), Right.SEE_ORDERS):
            raise PermissionDenied
        return csv_answer(request, f"plays-{site.pk}.csv", register_of(site.pk))

    def verify(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        """Ask the site now; orders that waited for its token go on."""
        reason = ordering.verify(site, staff(request))
        if not reason:
            return _("The site shows our token and is verified."), messages.SUCCESS
        if site.verified:
            text = _("The site stays verified but could not be checked now: %(reason)s")
        else:
            text = _("The site is not verified: %(reason)s")
        return text % {"reason": translate(reason)}, messages.WARNING

    def try_button(self, site: Site) -> Button:
        look = {
            "confirm": _("Send one play to this video and see whether its counter moves?"),
            "ask": _("Video address"),
            "field": "url",
        }
        return self.post_button(site, "try", _("Try it"), **look)

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One play, and all that was said over the wire."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        site = self.changed_or_404(request, pk)
        url = request.POST.get("url", "").strip()
        try:
            trial = ordering.try_site(site, url)
        except OrderError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(self.change_url(site))
        verdict = translate_error(trial.verdict)
        tried = _("Test play of %(url)s: %(verdict)s")
        self.log_change(request, site, tried % {"url": url, "verdict": verdict})
        context = {
            **self.admin_site.each_context(request),
            "title": _("Trial"),
            "opts": self.opts,
            "media": self.media,
            "site_tried": site,
            "url": url,
            "trial": trial,
            "verdict": display.tag(verdict, "good" if trial.passed else "warn"),
            "figures": [
                (_("Views before"), display.number(trial.before)),
                (_("Views after"), display.number(trial.after)),
            ],
            "exchanges": [
                (capped(exchange.request), capped(answer_of(exchange)))
                for exchange in trial.exchanges
            ],
            "buttons": [Button(_("Back"), self.change_url(site)), self.try_button(site)],
        }
        return TemplateResponse(request, "desk/site_trial.html", context)

    def token_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The ownership file, to be put where the page says."""
        site = self.seen_or_404(request, pk)
        name = file_path(site.token).lstrip("/")
        disposition = f'attachment; filename="{name}"'
        return HttpResponse(
            site.token,
            content_type="text/plain",
            headers={"Content-Disposition": disposition},
        )

    def page_context(self, request: HttpRequest, obj: Site | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        context["kinds"] = [
            (label, notes_of(slug)) for slug, label in KINDS if obj is None or slug == obj.adapter
        ]
        if obj is not None:
            context["ownership"] = ownership_of(obj)
        return context

    @admin.display(description=gettext_lazy("kind of site"), ordering="adapter")
    def kind(self, site: Site) -> str:
        return str(dict(KINDS).get(site.adapter, site.adapter))

    @admin.display(description=gettext_lazy("ownership"), ordering="verified")
    def proof(self, site: Site) -> SafeString:
        if site.verified:
            return display.tag(_("verified"), "good")
        return display.tag(_("not verified"), "bad")

    @admin.display(description=gettext_lazy("accepts plays"))
    def sending(self, site: Site) -> SafeString:
        return sending_state(site)


@admin.register(SiteCheck)
class SiteCheckAdmin(ViewOnlyAdmin):
    list_display = ("create_date", "site", "shown_outcome", "method", "shown_reason", "creator")
    list_select_related = ("site", "creator")
    list_filter = ("outcome", "site")
    # Every run of an order looks: there are as many as orders.
    sortable_by = ("create_date",)
    date_hierarchy = "create_date"
    fields = ("site", "create_date", "outcome", "method", "shown_reason", "creator")

    @admin.display(description=gettext_lazy("outcome"))
    def shown_outcome(self, check: SiteCheck) -> SafeString:
        return outcome_tag(check)

    @admin.display(description=gettext_lazy("reason"))
    def shown_reason(self, check: SiteCheck) -> str:
        return translate(reason_of(check))


def ownership_of(site: Site) -> dict[str, Any]:
    """Where the token has to be, and what the latest looks at it found."""
    origin = Origin.parse(site.origin)
    checks = site.checks.select_related("creator")[:CHECKS_SHOWN]
    return {
        "url": f"{origin}{file_path(site.token)}",
        # Addresses and bare names are in no zone that could hold a record.
        "record": "" if origin.is_ip or "." not in origin.host else record_name(origin.host),
        "download": reverse("admin:core_site_token", args=[site.pk]),
        "checks": [(check, outcome_tag(check)) for check in checks],
    }


def notes_of(slug: str) -> str:
    """What the operator of this kind of site must know or set."""
    return _(HttpAdapter.notes if kinds.needs_recipe(slug) else kinds.adapter(slug).notes)


def answer_of(exchange: Exchange) -> str:
    answer = exchange.answer
    return answer if isinstance(answer, str) else translate_error(answer)


def capped(text: str) -> str:
    return text if len(text) <= EXCHANGE_SHOWN else text[:EXCHANGE_SHOWN] + "\n…"


def outcome_tag(check: SiteCheck) -> SafeString:
    return display.tag(check.get_outcome_display(), display.OUTCOME_TONES[check.outcome])
