"""What pages for new rows share if Save is a view of their own."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from core.admin.base import DeskAdmin
from core.ordering import OrderRefusedError
from core.theme.add_page import add_page_context, asked_to_field

# What Django's log keeps of an added row.
ADDED: list[dict[str, Any]] = [{"added": {}}]


class AddFormAdmin(DeskAdmin):
    def add_form(self, request: HttpRequest, form_class: type[forms.ModelForm]) -> Any:
        asked_to_field(self, request)
        model_form = self.get_form(request, form=form_class)
        if request.method == "POST":
            return model_form(request.POST)
        return model_form(initial=self.get_changeform_initial_data(request))

    def add_page(
        self, request: HttpRequest, form: Any, form_url: str = "", **context: Any
    ) -> HttpResponse:
        """Save leads to the page of the new row, so there is no button to continue editing."""
        context = {"show_save_and_continue": False, **context}
        context = add_page_context(self, request, form) | context
        return self.render_change_form(request, context, add=True, form_url=form_url)

    def save_once(
        self, request: HttpRequest, form: Any, make: Callable[[], Model], **context: Any
    ) -> HttpResponse:
        """What Save does with an idempotent form: `make()` the row, or show the objections. No site
        is asked inside the transaction: on SQLite it holds the only write lock."""
        if form.is_valid() and form.placed is None:
            try:
                with transaction.atomic():
                    row = make()
                    self.log_addition(request, row, ADDED)
            except OrderRefusedError as error:
                form.refuse(error.errors)  # unless the same form came first: then it is `placed`
            except IntegrityError:
                if not form.recognize():
                    raise
            else:
                return self.response_add(request, row)
        if form.placed is not None:
            return self.answer_saved_before(request, form.placed)
        return self.add_page(request, form, **context)

    def answer_saved_before(self, request: HttpRequest, row: Model) -> HttpResponse:
        text = _("This form was already saved; nothing was done twice.")
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(self.page_of(request, row))

    def response_add(self, request: HttpRequest, obj: Any, *args: Any) -> HttpResponse:
        answer = super().response_add(request, obj, *args)
        if request.POST.keys() & {"_addanother", "_continue", "_popup"}:
            return answer
        return HttpResponseRedirect(self.page_of(request, obj))
