"""Conversations on the desk: on each order's page, and the list of those that wait for an answer.
core/permissions.py says who reads and who answers."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import truncatechars
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from core.admin import cells
from core.admin.approvals import queue_context
from core.admin.base import DeskAdmin, ViewOnlyAdmin, row_url, staff
from core.admin.search import IndexedSearch
from core.admin.views import address
from core.db.keys import key_of
from core.models import Conversation, Order, Side
from core.pages import display
from core.pages.conversation import answer_to, note_reading, section_of, thread_of
from core.permissions import Right, may

EXCERPT = 90


def conversation_url(order_id: int) -> str:
    return row_url("order", order_id) + "#conversation"


def talk_order(talk: Conversation) -> SafeString:
    return display.link(conversation_url(talk.pk), talk.order)


def talk_link(order: Order) -> str | SafeString:
    """What the desk has not read; a list of orders has joined the row that says it."""
    talk = getattr(order, "conversation", None)
    return "" if talk is None else display.link(conversation_url(order.pk), unread_tag(talk))


def unread_tag(talk: Conversation) -> str | SafeString:
    """New messages in colour; if there are none, the number of all."""
    new = talk.unread_from(Side.DESK)
    if new:
        text = ngettext("%(number)s new", "%(number)s new", new) % {"number": display.number(new)}
        return display.tag(text, "busy")
    return display.number(talk.said_by_customer + talk.said_by_desk)


class ConversationOnOrder(DeskAdmin):
    talk = cells.live(gettext_lazy("messages"), talk_link, "talk")

    class Media:
        css = {"all": ("office/conversation.css",)}
        js = ("office/drafts.js", "office/outbox.js", "office/conversation.js")

    @address("<int:pk>/message/", "message", post=True)
    def message_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return answer_to(request, self.seen_or_404(request, pk), conversation_url(pk))

    @address("<int:pk>/read/", "read", post=True)
    def read_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return note_reading(request, self.seen_or_404(request, pk))

    def page_context(self, request: HttpRequest, obj: Order | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        if obj is not None and may(staff(request), Right.READ_MESSAGES):
            urls = [self.url_of(name, obj.pk) for name in ("message", "read")]
            thread = thread_of(request, obj)
            context["unread"] = thread.talk.unread_from(Side.DESK) if thread.talk else 0
            context["conversation"] = section_of(request, obj, thread, *urls)
        return context


class AnsweredFilter(admin.SimpleListFilter):
    """By default the list shows those that wait; all others are a choice."""

    title = gettext_lazy("conversations")
    parameter_name = "answered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("any", _("All"))]

    def choices(self, changelist: Any) -> Any:
        unfiltered, everything = super().choices(changelist)
        return [{**unfiltered, "display": _("Unanswered")}, everything]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset if self.value() == "any" else queryset.unanswered()


@admin.register(Conversation)
class ConversationAdmin(IndexedSearch, ViewOnlyAdmin):
    """Customers who wait for an answer, the longest wait first."""

    list_display = ("order_link", "customer", "unread", "waits", "said")
    order_link = cells.shown(gettext_lazy("order"), talk_order, ordering="order_id")
    customer = cells.shown(gettext_lazy("customer"), lambda talk: str(talk.order.customer))
    unread = cells.shown(gettext_lazy("messages"), unread_tag)
    waits = cells.since(gettext_lazy("waiting time"), "waiting_since")
    list_display_links = None
    list_select_related = ("order__customer", "last__author")
    list_filter = (AnsweredFilter,)
    search_fields = ("order__oid", "order__customer__username")
    search_help_text = gettext_lazy("Order number or username")
    exact_fields = ("order__oid", "order__customer__username")
    ordering = ("waiting_since",)
    view_right = Right.READ_MESSAGES

    class Media:
        css = {"all": ("office/conversation.css",)}
        js = ("office/queue.js",)

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        watched = {} if request.GET else queue_context("conversations")
        return super().list_context(request) | watched

    def get_ordering(self, request: HttpRequest) -> Any:
        return ("-order_id",) if request.GET.get("answered") == "any" else self.ordering

    def change_view(self, request: HttpRequest, object_id: str, *args: Any) -> HttpResponse:
        """A conversation is read on its order's page."""
        talk = self.seen_or_404(request, key_of(object_id) or 0)
        return HttpResponseRedirect(conversation_url(talk.pk))

    def history_view(self, request: HttpRequest, object_id: str, *args: Any) -> HttpResponse:
        return self.change_view(request, object_id)

    @admin.display(description=gettext_lazy("last message"))
    def said(self, talk: Conversation) -> str | SafeString:
        if talk.last is None:
            return "–"
        who = talk.order.customer if talk.last.side == Side.CUSTOMER else talk.last.author
        text = truncatechars(" ".join(talk.last.text.split()), EXCERPT)
        return format_html('<span class="talk-excerpt">{}: {}</span>', who, text)
