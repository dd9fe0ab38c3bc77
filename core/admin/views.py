"""Pages of the desk that are not Django's: methods of a ModelAdmin that name their address."""

from collections.abc import Callable
from inspect import getmembers, isfunction
from typing import Any, TypeVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def address(route: str, name: str, *, post: bool = False) -> Callable[[View], View]:
    """Marks a method as the page at this address under the model's own. `post`: only POST."""

    def mark(view: Any) -> Any:
        marked = method_decorator(require_POST)(view) if post else view
        marked.address = (route, name)
        return marked

    return mark


def require(is_allowed: bool) -> None:
    """Raises PermissionDenied."""
    if not is_allowed:
        raise PermissionDenied


class AddressedAdmin(admin.ModelAdmin):
    """Each method under `@address` is a page, for staff who are logged in."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = self.list_context(request) | (extra_context or {})
        return super().changelist_view(request, context)

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def get_urls(self) -> list[URLPattern]:
        own = []
        for attribute, method in getmembers(type(self), isfunction):
            if hasattr(method, "address"):
                route, name = method.address
                own.append(self.own_path(route, name, getattr(self, attribute)))
        return own + super().get_urls()

    def url_of(self, name: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def to_list(self, query: str) -> HttpResponseRedirect:
        url = self.url_of("changelist")
        return HttpResponseRedirect(f"{url}?{query}" if query else url)

    def own_path(self, route: str, name: str, view: Callable[..., HttpResponseBase]) -> URLPattern:
        full_name = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        return path(route, self.admin_site.admin_view(view), name=full_name)
