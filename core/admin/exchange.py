"""Import and export on the desk: CSV and Excel, for those who may, through the private store."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportMixin, ImportMixin
from import_export.formats.base_formats import CSV, XLSX

from core.admin import uploads
from core.admin.base import staff


class ExportAdmin(ExportMixin):
    """Exports what the list shows now, filters and search included."""

    formats = (CSV, XLSX)
    to_encoding = "utf-8-sig"  # Excel takes a CSV without the mark for Latin-1

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_export_queryset(request).order_by("pk")


class ImportAdmin(ImportMixin):
    """Rows are taken all together or not at all."""

    formats = (CSV, XLSX)
    tmp_storage_class = uploads.UploadStore
    import_form_class = uploads.UploadForm
    confirm_form_class = uploads.ConfirmUploadForm

    def get_confirm_form_kwargs(
        self, request: HttpRequest, import_form: Any = None
    ) -> dict[str, Any]:
        kwargs = super().get_confirm_form_kwargs(request, import_form)
        resources = len(self.get_import_resource_classes(request))
        return {**kwargs, "user_id": request.user.pk, "resources": resources}

    def get_confirm_form_initial(self, request: HttpRequest, import_form: Any) -> dict[str, Any]:
        initial = super().get_confirm_form_initial(request, import_form)
        if "import_file_name" in initial:
            name = initial["import_file_name"]
            initial["import_file_name"] = uploads.sign(name, staff(request).pk)
        return initial

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_import_data_kwargs(**kwargs),
            "use_transactions": True,
            "rollback_on_validation_errors": True,
        }

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        """The library reports success whatever the rows say."""
        if not (result.has_errors() or result.has_validation_errors()):
            return super().process_result(result, request)
        text = _("Nothing was imported: the data changed since the preview. Upload it again.")
        self.message_user(request, text, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:{}_{}_import".format(*self.get_model_info())))
