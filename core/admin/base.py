"""What all pages of the desk share: nothing is deleted, lists are cheap, buttons ask first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import DecimalField, IntegerField, Model, QuerySet, TextField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, get_script_prefix, reverse
from django.views.decorators.http import require_POST

from core.admin.history import HistoryAdmin
from core.admin.listing import DeskChangeList
from core.admin.paging import CappedPaginator
from core.admin.saved_filters import SavedFiltersAdmin
from core.admin.search import MOST_WORDS
from core.admin.shared_edits import SharedEditsAdmin, changed_columns
from core.admin.views import require
from core.db.keys import key_of
from core.models import FieldChange, OrderError, User
from core.models.history import SECRET
from core.pages.amounts import AmountField, WholeNumberField, WholeNumberInput
from core.permissions import Right, may
from core.reasons import TEXT_LENGTH
from core.theme.autocomplete import PickedSelect
from core.theme.model_admin import SteppedModelAdmin

# Fields that pages do not show as they are, or not to everybody who sees the rows: an old recipe
# may hold a password, and an upload's notes quote its rows.
UNSEEN = frozenset((*SECRET, "recipe", "folder", "request_key", "notes", "sha256"))


@dataclass(frozen=True, slots=True)
class Button:
    """A button on an object's page: a link, or a POST. `confirm`: the question it asks first. `ask`
    labels a line of at most `most` characters, sent as `field`; it may stay empty unless it is
    `needed`. `key`: its letter in keys.js, for a link or a button that asks first."""

    label: str
    url: str
    tone: str = ""  # of Element's buttons: primary, success, warning, danger
    post: bool = False
    confirm: str = ""
    ask: str = ""
    field: str = "reason"
    needed: bool = False
    most: int = TEXT_LENGTH
    key: str = ""


class DeskAdmin(SavedFiltersAdmin, HistoryAdmin, SharedEditsAdmin, SteppedModelAdmin):
    """Accounts, money and orders refer to each other: they are switched off, never deleted."""

    list_max_show_all = 100
    show_full_result_count = False
    empty_value_display = "–"
    show_facets = admin.ShowFacets.NEVER  # each of them would count all rows
    paginator = CappedPaginator
    # The field that a list reads of each related row.
    list_names: ClassVar[dict[str, str]] = {
        "customer": "username",
        "creator": "username",
        "site": "name",
        "order": "oid",
    }
    # Fields that a list reads besides its columns. If they are given, it reads no other field.
    list_reads: ClassVar[tuple[str, ...]] = ()
    # What a list adds up over the rows found: name -> (column, label, formatter).
    summed: ClassVar[Mapping[str, tuple[Any, Callable[[Any], str]]]] = {}
    change_form_template = "desk/change_form.html"
    formfield_overrides = {
        TextField: {"widget": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"})},
        DecimalField: {"form_class": AmountField},
        IntegerField: {
            "form_class": WholeNumberField,
            "widget": WholeNumberInput({"class": "vIntegerField"}),
        },
    }
    # Letters of a row page's buttons that also work on the list (keys.js).
    row_keys = ""
    # Methods (request, object) -> (text for the staff, its level), each at <id>/<name>/ for POST,
    # with the right that each needs. None: anybody who may change the object may press the button.
    object_actions: ClassVar[Mapping[str, Right | None]] = {}
    # The right to look at the rows, if it is not the model's own.
    view_right: ClassVar[Right | None] = None
    # The fieldsets of a new row, if they differ from those of an existing one.
    add_fieldsets: Any = ()

    class Media:
        css = {"all": ("office/desk.css",)}
        js = ("office/sent-once.js", "office/desk.js")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DeskChangeList]:
        return DeskChangeList

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if self.view_right is None:
            return super().has_view_permission(request, obj)
        return may(staff(request), self.view_right)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None and self.add_fieldsets:
            return self.add_fieldsets
        return super().get_fieldsets(request, obj)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Nobody may guess a hidden field letter by letter through the filters of an address.
        Regular expressions are refused: on SQLite Python runs them, and one can take a day."""
        parts = lookup.split("__")
        if parts[0] in UNSEEN or parts[-1] in ("regex", "iregex"):
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if len(search_term.split()) > MOST_WORDS:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def buttons(self, request: HttpRequest, obj: Any) -> list[Button]:
        return []

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.own_path(f"<int:pk>/{name}/", name, require_POST(partial(self.act, name=name)))
            for name in self.object_actions
        ]
        return own + super().get_urls()

    def own_page(
        self, request: HttpRequest, template: str, title: str, **context: Any
    ) -> TemplateResponse:
        page = {"title": title, "opts": self.opts, "media": self.media, **context}
        page = self.admin_site.each_context(request) | page
        return TemplateResponse(request, template, page)

    def act(self, request: HttpRequest, pk: int, *, name: str) -> HttpResponse:
        """The model decides whether it can be done. The result is shown and kept in the history."""
        right = self.object_actions[name]
        if right is None:
            obj = self.changed_or_404(request, pk)
        else:
            require(may(staff(request), right))
            obj = self.seen_or_404(request, pk)
        try:
            text, level = getattr(self, name)(request, obj)
        except OrderError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, obj, text)
            self.message_user(request, text, level)
        return HttpResponseRedirect(self.page_of(request, obj))

    def offer(
        self, request: HttpRequest, obj: Model, name: str, *look: str, **more: Any
    ) -> list[Button]:
        """The button of one of `object_actions`, if the user has its right."""
        right = self.object_actions[name]
        assert right is not None
        may_press = may(staff(request), right, obj)
        return [self.post_button(obj, name, *look, **more)] if may_press else []

    def post_button(
        self, obj: Model, name: str, label: str, tone: str = "", confirm: str = "", **look: Any
    ) -> Button:
        return Button(label, self.url_of(name, obj.pk), tone, True, confirm, **look)

    def seen_or_404(self, request: HttpRequest, pk: int) -> Any:
        return self.allowed_or_404(request, pk, self.has_view_permission)

    def changed_or_404(self, request: HttpRequest, pk: int) -> Any:
        return self.allowed_or_404(request, pk, self.has_change_permission)

    def allowed_or_404(self, request: HttpRequest, pk: int, is_allowed: Callable[..., bool]) -> Any:
        require(is_allowed(request))
        obj = self.object_or_404(request, pk)
        require(is_allowed(request, obj))
        return obj

    def object_or_404(self, request: HttpRequest, pk: int) -> Any:
        obj = self.get_object(request, str(pk))
        if obj is None:
            raise Http404
        return obj

    def change_url(self, obj: Model) -> str:
        return self.url_of("change", obj.pk)

    def page_of(self, request: HttpRequest, obj: Model) -> str:
        """The object's page; Back leads from it to the list as it was filtered."""
        return self.to_filtered_list(request, self.change_url(obj))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Django passes on a customer from the address unread, and fails if it is no number."""
        initial = super().get_changeform_initial_data(request)
        if key_of(initial.get("customer", "0")) is None:
            del initial["customer"]
        return initial

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", PickedSelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write only the changed fields: meanwhile balances and progress move, and others save."""
        if change:
            fields = obj._meta.get_fields()
            columns = {one.name for one in fields if one.concrete and not one.many_to_many}
            changed = changed_columns(obj, form.cleaned_data.keys() & columns)
            with FieldChange.objects.kept(obj, changed, actor=staff(request)):
                obj.save(update_fields=changed)
        else:
            super().save_model(request, obj, form, change)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {} if obj is None else {"buttons": self.buttons(request, obj)}


class ViewOnlyAdmin(DeskAdmin):
    """Records that the office itself writes. Nobody edits them."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    has_change_permission = has_add_permission


def row_url(model: str, pk: int) -> str:
    """The page of a row of our models; fast, because lists ask for hundreds."""
    before, after = _row_url(model, get_script_prefix())
    return f"{before}{pk}{after}"


@lru_cache
def _row_url(model: str, _prefix: str) -> tuple[str, str]:
    before, _zero, after = reverse(f"admin:core_{model}_change", args=[0]).rpartition("0")
    return before, after


def list_url(model: str, **filters: object) -> str:
    return f"{reverse(f'admin:core_{model}_changelist')}?{urlencode(filters)}"


def staff(request: HttpRequest) -> User:
    """The user of the request; the admin's pages let only staff in."""
    assert isinstance(request.user, User)
    return request.user
