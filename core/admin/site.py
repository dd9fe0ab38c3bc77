"""The admin site of the office, with its home page (core/pages/dashboard/home.py) and its board."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from core.admin import board, two_step
from core.models import User
from core.pages.dashboard import home
from core.theme.autocomplete import DescribingSite


class Menu:
    """What it lists is found out when somebody looks."""

    def __init__(self, find: Callable[[], list[Any]]) -> None:
        self.find = find

    def __iter__(self) -> Iterator[Any]:
        return iter(self.find())


class DeskSite(DescribingSite):
    site_header = _("Booster Office")
    site_title = _("Booster Office")
    index_title = _("Desk")
    enable_nav_sidebar = False
    login_form = two_step.LoginForm

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [
            path("home/", self.admin_view(self.home_view), name="home"),
            path("board/", self.admin_view(self.board_view), name="board"),
            path("two-step/", self.admin_view(self.two_step_view), name="two_step"),
            *super().get_urls(),
        ]

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Customers who come to the desk are brought to their own pages."""
        user = request.user
        if request.method == "GET" and user.is_authenticated and not user.is_staff:
            return redirect("portal:orders")
        return super().login(request, extra_context)

    def home_view(self, request: HttpRequest) -> HttpResponse:
        """Each part for who may see what it sums up."""
        user = request.user
        assert isinstance(user, User)
        figures = {part.name: part.figures() for part in home.parts_for(user)}
        rendered = {part.name: part.render(figures[part.name]) for part in home.parts_for(user)}
        context = {"title": _("Desk"), "figures": figures, "parts": rendered}
        return TemplateResponse(request, "desk/home.html", self.each_context(request) | context)

    def board_view(self, request: HttpRequest) -> HttpResponse:
        return board.board_view(request, self.each_context(request))

    def two_step_view(self, request: HttpRequest) -> HttpResponse:
        return two_step.two_step_view(request, self.each_context(request))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Django puts it into the context of every page; the menu alone draws it."""
        if app_label is not None:
            return super().get_app_list(request, app_label)
        return Menu(partial(super().get_app_list, request))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "pages": board.pages(request)}
