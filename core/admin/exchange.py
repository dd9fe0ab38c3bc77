"""Export on the desk: CSV and Excel, for those who may, streamed whatever the length."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.forms import SelectableFieldsExportForm

from core.exporting import workbooks
from core.exporting.downloads import file_answer
from core.exporting.lists import columns_of, csv_chunks, workbook_chunks


class ExportForm(SelectableFieldsExportForm):
    """One click less: a CSV unless Excel is chosen. Columns are called as on the desk."""

    def __init__(self, formats: Any, resources: Any, **kwargs: Any) -> None:
        super().__init__(formats, resources, **kwargs)
        field = self.fields["format"]
        field.choices, field.initial = field.choices[1:], "0"
        for resource in resources:
            for name in resource.fields:
                box = self.fields[self.create_boolean_field_name(resource, name)]
                box.label = resource._meta.model._meta.get_field(name).verbose_name


class ExportAdmin(ExportMixin):
    """Exports what the list shows now, filters and search included."""

    export_form_class = ExportForm
    export_template_name = "desk/export.html"
    formats = (CSV, XLSX)

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_export_queryset(request).order_by("pk")

    def export_action(self, request: HttpRequest) -> HttpResponseBase:
        """The library's page, but not its file, which it joins in memory, a model object a row."""
        if request.method == "POST" and self.has_export_permission(request):
            formats = self.get_export_formats()
            resources = self.get_export_resource_classes(request)
            form = self.get_export_form_class()(formats, resources, data=request.POST)
            if form.is_valid():
                return self.streamed(request, formats[int(form.cleaned_data["format"])](), form)
        page: HttpResponseBase = super().export_action(request)
        return page

    def streamed(self, request: HttpRequest, file_format: Any, form: Any) -> HttpResponseBase:
        queryset = self.get_export_queryset(request)
        resource = self.choose_export_resource_class(form, request)()
        chosen = self.get_export_resource_fields_from_form(form)
        order = resource.get_export_order()
        columns = columns_of(resource, [n for n in order if chosen is None or n in chosen])
        name = self.get_export_filename(request, queryset, file_format)
        if isinstance(file_format, CSV):
            return file_answer(request, name, csv_chunks(queryset, columns))
        chunks = workbook_chunks(queryset, columns)
        return file_answer(request, name, chunks, workbooks.CONTENT_TYPE)
