"""The admin site of the office, with its menu, its home page and its board."""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext, gettext_lazy as _
from django.views.decorators.cache import cache_page
from django.views.i18n import JavaScriptCatalog

from core.admin import pauses, queue, second_factor, two_step
from core.admin.base import DeskAdmin, staff
from core.admin.views import require
from core.logins.forms import ChangePassword
from core.models import ChargeRecord, Customer, Order
from core.pages.dashboard import board, home
from core.pages.people import page_to_go_on_at
from core.permissions import Right, may
from core.theme.autocomplete import DescribingSite
from core.theme.links import address_of

# The site's own pages by the names of their addresses: label, icon, and the right to see them.
PAGES = {
    "board": (_("Board"), "fas fa-project-diagram", Right.SEE_ORDERS),
    "queue": (_("Queue"), "fas fa-stream", Right.SEE_ORDERS),
    "pauses": (_("Pauses"), "fas fa-pause-circle", Right.SEE_SITES),
}
PageView = Callable[[HttpRequest, dict[str, Any]], HttpResponse]
# Open to staff who still have to turn two-step login on.
BEFORE_TWO_STEPS = ("two_step", "logout", "password_change", "password_change_done", "jsi18n")
# What is added most, a click or a key away from the home page.
ADDING = (
    (Order, _("New order"), "o"),
    (ChargeRecord, _("Top up"), "t"),
    (Customer, _("New customer"), "c"),
)
# The texts of the admin's scripts are the same for everybody: browsers keep them for so long.
TEXTS_SECONDS = 600


script_texts = cache_page(TEXTS_SECONDS)(
    JavaScriptCatalog.as_view(packages=["django.contrib.admin"])
)


def board_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    context |= {"title": _("Board"), "board": board.drawn()}
    return TemplateResponse(request, "dashboard/board.html", context)


class DeskSite(DescribingSite):
    login_form = two_step.LoginForm

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [
            path("home/", self.admin_view(self.index), name="home"),
            self.menu_page("board", board_view),
            self.menu_page("queue", queue.queue_view),
            self.menu_page("pauses", pauses.pauses_view),
            path(
                "pauses/office/<slug:what>/",
                self.admin_view(pauses.office_view),
                name="pause_office",
            ),
            path("two-step/", self.own_page(two_step.two_step_view), name="two_step"),
            path("jsi18n/", self.admin_view(script_texts, cacheable=True), name="jsi18n"),
            *super().get_urls(),
        ]

    def menu(self, request: HttpRequest) -> Iterator[dict[str, str]]:
        """Name, icon and url of each line that this user may see. Every page draws the menu, so
        only the models of MENU are asked."""
        yield {"name": gettext("Home"), "icon": "fas fa-home", "url": address_of("admin:home")}
        for page, (label, icon, right) in PAGES.items():
            if may(request.user, right):
                yield {"name": str(label), "icon": icon, "url": address_of(f"admin:{page}")}
        for name, icon in settings.MENU.items():
            model = apps.get_model(name)
            admin, options = self.get_model_admin(model), model._meta
            if admin.has_view_permission(request):
                page = "changelist"
            elif admin.has_add_permission(request):
                page = "add"
            else:
                continue
            url = address_of(f"admin:{options.app_label}_{options.model_name}_{page}")
            yield {"name": str(options.verbose_name_plural), "icon": icon, "url": url}

    def menu_page(self, name: str, view: PageView) -> URLPattern:
        """A page for users who have it in their menu."""
        *_line, right = PAGES[name]

        def for_those(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
            require(may(request.user, right))
            return view(request, context)

        return path(f"{name}/", self.own_page(for_those), name=name)

    def own_page(self, view: PageView) -> Any:
        """A page of no model, with the context of every page of the desk."""
        media = forms.Media(DeskAdmin.Media)
        return self.admin_view(
            lambda request: view(request, {**self.each_context(request), "media": media})
        )

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Staff who must turn on two-step login are sent to do so first."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            place = request.resolver_match
            if (
                place
                and place.url_name not in BEFORE_TWO_STEPS
                and second_factor.is_missing(staff(request))
            ):
                return redirect("admin:two_step")
            return view(request, *args, **kwargs)

        inside = super().admin_view(guarded, cacheable)

        @wraps(view)
        def entered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "POST" and not self.has_permission(request):
                page = page_to_go_on_at(request, reverse("admin:index"))
                return redirect_to_login(page, reverse("admin:login"))
            return inside(request, *args, **kwargs)

        return entered

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Customers who come to the desk are sent to their own pages."""
        user = request.user
        if request.method == "GET" and user.is_authenticated and not user.is_staff:
            return redirect("portal:orders")
        return super().login(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Django's own, behind the count of tries."""
        view = ChangePassword.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> Any:
        """The menu has everything that Django lists here."""
        return redirect("admin:home")

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        parts = home.parts_for(staff(request))
        context = {"parts": parts, "adding": list(self.adding(request))}
        return TemplateResponse(request, "desk/home.html", self.each_context(request) | context)

    def adding(self, request: HttpRequest) -> Iterator[tuple[Any, str, str]]:
        """Buttons of the home page that this user may press: label, address and key."""
        for model, label, key in ADDING:
            if self.get_model_admin(model).has_add_permission(request):
                yield label, reverse(f"admin:core_{model._meta.model_name}_add"), key

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Django computes it for every page; none of ours draws it."""
        return []

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Menu and pause are computed only when a template draws them."""
        return {
            **super().each_context(request),
            "menu": partial(self.menu, request),
            "finds_orders": may(request.user, Right.SEE_ORDERS),
            "office_pause": partial(pauses.banner, request),
        }
