"""Add forms on the desk that charge: a OnceForm each, sent twice and saved once."""

from abc import abstractmethod
from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from core.admin.base import DeskAdmin
from core.models import Customer
from core.pages.idempotent_forms import OVERTAKEN, TRIES, OnceForm

# What Django's log says of a row that was added.
ADDED: list[dict[str, Any]] = [{"added": {}}]


class OnceAdmin(DeskAdmin):
    """An add form that is a OnceForm; what is saved cannot be bought differently afterwards."""

    once_form: type[OnceForm]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._forms: dict[tuple[bool, ...], Any] = {}

    @abstractmethod
    def place(self, request: HttpRequest, form: Any) -> Model:
        """Write what the form bought."""

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if change:
            return super().get_form(request, obj, change=change, **kwargs)
        # To make the class takes as long as to check what was typed. Who may do what with
        # customers finds buttons for it beside theirs; all else is the same for everybody.
        customers = self.admin_site.get_model_admin(Customer)
        rights = tuple(customers.get_model_perms(request).values())
        form = self._forms.get(rights)
        if form is None:
            form = super().get_form(request, obj, form=self.once_form, **kwargs)
            form._meta.formfield_callback = None  # it would keep this request for ever
            self._forms[rights] = form
        return form

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        return ADDED if add else super().construct_change_message(request, form, formsets, add)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        for _attempt in range(TRIES - 1):
            try:
                return super().changeform_view(request, object_id, form_url, extra_context)
            except OVERTAKEN:
                continue
        return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Saving leads to the page of what was made; there is nothing to continue editing."""
        if kwargs.get("add"):
            context["show_save_and_continue"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        if change:
            return super().save_form(request, form, change)
        if form.placed is None:
            return self.place(request, form)
        form.placed.placed_before = True
        return form.placed

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Adding has been done by place()."""
        if change:
            super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        if change:
            super().save_related(request, form, formsets, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if not hasattr(obj, "placed_before"):
            return super().log_addition(request, obj, message)
        return None

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        if not hasattr(obj, "placed_before"):
            return super().response_add(request, obj, post_url_continue)
        text = _("This form was saved before; nothing was done a second time.")
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(self.page_of(request, obj))

    def response_post_save_add(self, request: HttpRequest, obj: Model) -> HttpResponseRedirect:
        """On to what was made, not back to the list."""
        return HttpResponseRedirect(self.page_of(request, obj))
