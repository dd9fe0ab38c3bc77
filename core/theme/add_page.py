"""The context of Django's own page for a new row, for other views. It stands here with everything
else that relies on undocumented parts of the admin."""

from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.exceptions import DisallowedModelAdminToField
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.options import IS_POPUP_VAR, TO_FIELD_VAR
from django.http import HttpRequest
from django.utils.translation import gettext as _


def add_page_context(admin: ModelAdmin, request: HttpRequest, form: Any) -> dict[str, Any]:
    """For `ModelAdmin.render_change_form(add=True)`, of an admin without inlines."""
    fieldsets: Any = list(admin.get_fieldsets(request))
    admin_form = AdminForm(form, fieldsets, {}, admin.get_readonly_fields(request), admin)
    return {
        **admin.admin_site.each_context(request),
        "title": _("Add %s") % admin.opts.verbose_name,
        "subtitle": None,
        "adminform": admin_form,
        "object_id": None,
        "original": None,
        "is_popup": IS_POPUP_VAR in request.POST or IS_POPUP_VAR in request.GET,
        "to_field": asked_to_field(admin, request),
        "media": admin.media + admin_form.media,
        "inline_admin_formsets": [],
        "errors": form.errors,
        "preserved_filters": admin.get_preserved_filters(request),
    }


def asked_to_field(admin: ModelAdmin, request: HttpRequest) -> str | None:
    """The field whose value a popup returns. Raises DisallowedModelAdminToField (a bad request) if
    no other model refers to it."""
    field = request.POST.get(TO_FIELD_VAR, request.GET.get(TO_FIELD_VAR))
    if field and not admin.to_field_allowed(request, field):
        raise DisallowedModelAdminToField(f"The field {field} cannot be referenced.")
    return field
