"""The sites that plays may go to: nothing is sent before a site proved whose it is."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from booster import sites as kinds
from booster.delivery import plan
from booster.exceptions import AddressRefusedError, TemporaryError
from booster.net.address import Origin
from booster.net.client import Exchange
from booster.ownership.tokens import file_path
from booster.ownership.verification import resolve
from booster.sites.http import HttpAdapter
from booster.sites.trial import Trial
from core import ordering
from core.admin import cells, recipes
from core.admin.add_form import ADDED
from core.admin.base import Button, list_url, staff
from core.admin.breakers import probe_buttons, sending_state
from core.admin.calibrations import CalibratingSites, counting_on
from core.admin.learned import learned_of
from core.admin.pauses import PausingSitesAdmin
from core.admin.recipe_wizard import RecipeWizardAdmin
from core.admin.site_ownership import ownership_of
from core.admin.site_trust import TRUST_FIELDS, TrustForm
from core.admin.site_week import WEEK_FIELDS
from core.admin.views import address, require
from core.exporting.downloads import file_answer
from core.exporting.lists import register_of
from core.models import OrderError, Pause, Site
from core.pages import display, week_drawing
from core.permissions import Right, may
from core.reasons import translate, translate_error

# A site's page may be long; its beginning shows what is wrong.
EXCHANGE_SHOWN = 4000
KINDS = [(slug, gettext_lazy(label)) for slug, label in kinds.CHOICES]
LIMITS = ("max_connections", "max_rate", "resend_percent")


class SiteForm(TrustForm):
    adapter = forms.ChoiceField(label=gettext_lazy("Kind of site"), choices=KINDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields.keys() & set(LIMITS):  # none of them if the user may only look
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """A limit left empty gets its default."""
        cleaned = super().clean()
        for name in LIMITS:
            if name not in self.errors and cleaned.get(name) is None:
                cleaned[name] = getattr(Site(), name)
        self.refuse_locked(cleaned)
        return cleaned

    def clean_origin(self) -> str:
        """Scheme, host and port, in the form that every order's address is compared with."""
        try:
            origin = Origin.parse(self.cleaned_data["origin"].strip())
            resolve(origin)
        except AddressRefusedError as error:
            raise forms.ValidationError(translate_error(error)) from None
        except TemporaryError:
            pass  # no name server answers now: the check that follows will say so
        return str(origin)


def kind_of(site: Site) -> str:
    return str(dict(KINDS).get(site.adapter, site.adapter))


@admin.register(Site)
class SiteAdmin(CalibratingSites, PausingSitesAdmin, RecipeWizardAdmin):
    form = SiteForm
    change_form_template = "desk/site_form.html"
    object_actions = {
        **dict.fromkeys(("verify", "forget", "forget_lag")),
        **dict.fromkeys(("pause", "resume", "catch_up"), Right.PAUSE_SITE),
        "probe": Right.PROBE_SITE,
        "waive": Right.WAIVE_CALIBRATION,
    }
    list_display = (
        *("name", "origin", "kind", "proof", "verified_at", "sending"),
        *("max_connections", "max_rate", "active"),
    )
    kind = cells.shown(gettext_lazy("kind of site"), kind_of, ordering="adapter")
    shown_recipe = cells.shown(gettext_lazy("recipe"), lambda site: recipes.shown(site.recipe))
    sending = cells.shown(gettext_lazy("accepts plays"), sending_state)
    list_filter = ("verified", "active")
    search_fields = ("name", "origin")
    list_select_related = ("breaker",)
    readonly_fields = ("proof", "verified_at", "checked_at", "sending", "shown_recipe")

    class Media:
        js = ("office/site-form.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        pauses = Pause.objects.active().select_related("creator")
        return super().get_queryset(request).prefetch_related(Prefetch("pauses", pauses))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        typed = ("name", "origin", "adapter", *LIMITS, "exact_proof", "active", "memo")
        may_type = obj is None or self.has_change_permission(request, obj)
        recipe = recipes.fieldsets() if may_type else [(_("Recipe"), {"fields": ("shown_recipe",)})]
        week = {"fields": WEEK_FIELDS, "description": _("When plays may be sent, and how many.")}
        trust = {
            "fields": TRUST_FIELDS,
            "description": _(
                "Only for a site whose certificate was not issued by a public authority."
            ),
        }
        found = [
            (None, {"fields": typed}),
            (_("The site's week"), week),
            *recipe,
            (_("Private certificate authority"), trust),
        ]
        if obj is not None:
            proof = {"fields": ("proof", "verified_at", "checked_at", "sending")}
            found.append((_("Ownership"), proof))
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The token was placed at this address, and orders were sold for it."""
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else (*fields, "origin")

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Names are looked up while the form is checked, and the site is asked after the commit: on
        SQLite an open transaction would hold the only write lock meanwhile."""
        require(self.has_add_permission(request))
        form = self.add_form(request, SiteForm)
        if form.is_valid():
            try:
                with transaction.atomic():
                    form.instance.must_calibrate = True
                    site = form.save()
                    self.log_addition(request, site, ADDED)
            except IntegrityError:  # somebody added it meanwhile; checked again, the form says so
                form = self.add_form(request, SiteForm)
            else:
                self.message_user(request, *self.verify(request, site))
                return self.response_add(request, site)
        return self.add_page(request, form, show_save_and_continue=True)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and not set(WEEK_FIELDS).isdisjoint(form.changed_data):
            ordering.follow_week(obj)
        if change and "ca_certificate" in form.changed_data:
            text = _(
                "Another authority is trusted now: verify the site, or nothing can be sold there."
            )
            self.message_user(request, text, messages.WARNING)
        if change and "recipe_second_origin" in form.changed_data:
            text = _("The second address changed: verify the site, or nothing can be sold there.")
            self.message_user(request, text, messages.WARNING)

    def buttons(self, request: HttpRequest, obj: Site) -> list[Button]:
        found = []
        if self.has_change_permission(request, obj):
            found.append(self.post_button(obj, "verify", _("Verify now"), tone="primary"))
            if obj.verified:
                found += [self.read_button(obj), self.try_button(obj), self.calibrate_button(obj)]
            if obj.has_learned:
                ask = _("Reset the detected limit? Orders will detect it again.")
                label = _("Reset the detected limit")
                found.append(self.post_button(obj, "forget", label, confirm=ask))
            if obj.learned_lag:
                ask = _(
                    "Reset the measured counter delay? Orders will wait as long as the kind of "
                    "site or the recipe says."
                )
                label = _("Reset the counter delay")
                found.append(self.post_button(obj, "forget_lag", label, confirm=ask))
        if obj.recipe is not None:
            found.append(Button(_("Recipe as a file"), self.url_of("recipe", obj.pk)))
        user = staff(request)
        ask = _("Sell on this site without knowing how many plays of an order it will count?")
        found += self.offer(request, obj, "waive", _("Sell uncalibrated"), "warning", ask)
        if may(user, Right.PROBE_SITE):
            found += probe_buttons(obj)
        if may(user, Right.PAUSE_SITE):
            found += self.pause_buttons(obj)
        if may(user, Right.SEE_ORDERS):
            found.append(Button(_("Orders"), list_url("order", site__id__exact=obj.pk)))
            found.append(Button(_("Register of plays sent (CSV)"), self.url_of("plays", obj.pk)))
        if may(user, Right.SEE_SITE_CHECKS):
            found.append(Button(_("All checks"), list_url("sitecheck", site__id__exact=obj.pk)))
        return found

    @address("<int:pk>/plays.csv", "plays")
    def plays_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """What the site's owner subtracts from the site's figures."""
        site = self.seen_or_404(request, pk)
        require(may(staff(request), Right.SEE_ORDERS))
        return file_answer(request, f"plays-{site.pk}.csv", register_of(site.pk))

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

    def forget(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        """For example after the site's operator raised a limit."""
        if site.forget_learned():
            text = _("The detected limit was reset; orders will detect it again.")
            return text, messages.SUCCESS
        return _("No limit detected."), messages.WARNING

    def forget_lag(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        """For example if something delayed the counter while it was measured."""
        if site.forget_lag():
            return _("The measured counter delay was reset."), messages.SUCCESS
        return _("No counter delay measured."), messages.WARNING

    def probe(self, request: HttpRequest, site: Site) -> tuple[str, int]:
        if ordering.probe_site(site):
            text = _("One order tries the site now; if the site accepts plays, all others follow.")
            return text, messages.SUCCESS
        return _("The site is not down; there is nothing to try."), messages.WARNING

    def try_button(self, site: Site) -> Button:
        question = _("Send one play to this video and see whether its counter moves?")
        return self.video_button(site, "try", _("Try it"), question)

    def read_button(self, site: Site) -> Button:
        question = _("Read this video's counter and show the site's answer?")
        return self.video_button(site, "read", _("Read counter"), question)

    @address("<int:pk>/try/", "try", post=True)
    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._look_at_video(request, pk, ordering.try_site, _("Trial"))

    @address("<int:pk>/read/", "read", post=True)
    def read_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._look_at_video(request, pk, ordering.read_site, _("Reading"))

    def _look_at_video(
        self, request: HttpRequest, pk: int, look: Callable[[Site, str], Trial], title: str
    ) -> HttpResponse:
        site = self.changed_or_404(request, pk)
        url = request.POST.get("url", "").strip()
        try:
            trial = look(site, url)
        except OrderError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(self.change_url(site))
        verdict = translate_error(trial.verdict)
        if not trial.reads_only:
            tried = _("Test play of %(url)s: %(verdict)s")
            self.log_change(request, site, tried % {"url": url, "verdict": verdict})
        context = {
            "site_tried": site,
            "url": url,
            "trial": trial,
            "verdict": display.tag(verdict, "good" if trial.passed else "warn"),
            "figures": [(label, display.number(views)) for label, views in views_of(trial)],
            "exchanges": [
                (capped(exchange.request), capped(answer_of(exchange)))
                for exchange in trial.exchanges
            ],
            "buttons": [
                Button(_("Back"), self.change_url(site)),
                self.read_button(site),
                self.try_button(site),
            ],
        }
        return self.own_page(request, "desk/site_trial.html", title, **context)

    @address("<int:pk>/token/", "token")
    def token_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        site = self.seen_or_404(request, pk)
        name = file_path(site.token).lstrip("/")
        disposition = f'attachment; filename="{name}"'
        return HttpResponse(
            site.token, content_type="text/plain", headers={"Content-Disposition": disposition}
        )

    def page_context(self, request: HttpRequest, obj: Site | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        context["kinds"] = [
            (label, notes_of(slug)) for slug, label in KINDS if obj is None or slug == obj.adapter
        ]
        if obj is not None:
            context["ownership"] = ownership_of(obj)
            context["week"] = week_of(obj)
            context["learned"] = learned_of(obj)
            context["counting"] = counting_on(obj)
        return context

    @admin.display(description=gettext_lazy("ownership"), ordering="verified")
    def proof(self, site: Site) -> SafeString:
        if site.verified:
            return display.tag(_("verified"), "good")
        return display.tag(_("not verified"), "bad")


def week_of(site: Site) -> dict[str, Any]:
    quiet = site.quiet_hours or []
    return {
        "drawing": week_drawing.draw(plan.as_profile(site.load_profile), quiet),
        "is_own": site.load_profile is not None,
        "zone": plan.zone_of(site),
        "quiet": quiet,
    }


def notes_of(slug: str) -> str:
    """What the operator of this kind of site must know or set."""
    return _(HttpAdapter.notes if kinds.needs_recipe(slug) else kinds.adapter(slug).notes)


def views_of(trial: Trial) -> list[tuple[str, int | None]]:
    if trial.reads_only:
        return [(_("Views now"), trial.before)]
    return [(_("Views before"), trial.before), (_("Views after"), trial.after)]


def answer_of(exchange: Exchange) -> str:
    """What the site said, even if it is no usable answer."""
    answer = exchange.answer
    if isinstance(answer, str):
        return answer
    return f"{translate_error(answer)}\n\n{exchange.refused}".rstrip()


def capped(text: str) -> str:
    return text if len(text) <= EXCHANGE_SHOWN else text[:EXCHANGE_SHOWN] + "\n…"
