"""Export on the desk: CSV and Excel, for those who may, streamed whatever the length."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.forms import SelectableFieldsExportForm

from core.exporting import workbooks
from core.exporting.downloads import csv_answer, file_answer
from core.exporting.lists import columns_of, csv_chunks, workbook_chunks


class ExportForm(SelectableFieldsExportForm):
    """One click less: a CSV unless Excel is chosen."""

    def _init_formats(self, formats: Any) -> None:
        super()._init_formats(formats)
        field = self.fields["format"]
        field.choices, field.initial = field.choices[1:], "0"


class ExportAdmin(ExportMixin):
    """Exports what the list shows now, filters and search included."""

    export_form_class = ExportForm
    formats = (CSV, XLSX)
    to_encoding = "utf-8-sig"  # Excel takes a CSV without the mark for Latin-1

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_export_queryset(request).order_by("pk")

    def _do_file_export(
        self,
        file_format: Any,
        request: HttpRequest,
        queryset: QuerySet[Any],
        export_form: Any = None,
    ) -> HttpResponseBase:
        """The library joins the whole file in memory, a model object a row."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        resource = self.choose_export_resource_class(export_form, request)()
        chosen = self.get_export_resource_fields_from_form(export_form)
        order = resource.get_export_order()
        columns = columns_of(resource, [n for n in order if chosen is None or n in chosen])
        name = self.get_export_filename(request, queryset, file_format)
        if isinstance(file_format, CSV):
            return csv_answer(request, name, csv_chunks(queryset, columns))
        chunks = workbook_chunks(queryset, columns)
        return file_answer(request, name, chunks, workbooks.CONTENT_TYPE)
