"""Import and Export of a list. Import takes a file or a pasted table, and offers an empty table to
begin with; Export streams CSV and Excel of any length."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import get_language, gettext as _, gettext_lazy
from import_export.admin import ExportMixin, ImportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.forms import SelectableFieldsExportForm

from core.admin.base import list_url, staff
from core.admin.imports import may_import, start
from core.admin.views import address, require
from core.exporting import lists, workbooks
from core.exporting.downloads import file_answer
from core.importing.columns import ALIASES, HOLDS
from core.importing.encodings import NAMES as ENCODING_NAMES, TEXT_ENCODINGS
from core.importing.jobs import IMPORTERS
from core.importing.row_importer import RowImporter
from core.importing.uploads import new_job
from core.models import ImportJob


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        help_text=gettext_lazy("CSV or Excel (.xlsx), with a header. Drop it anywhere here."),
    )
    pasted = forms.CharField(
        label=gettext_lazy("Or a table, pasted"),
        required=False,
        # An empty first cell is a cell.
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 60, "class": "vLargeTextField"}),
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"),
        required=False,
        choices=[
            ("", gettext_lazy("as the file says")),
            *((name, ENCODING_NAMES[name]) for name in TEXT_ENCODINGS),
        ],
    )
    update = forms.BooleanField(label=gettext_lazy("Also update existing rows"), required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and file.size > settings.IMPORT_MAX_BYTES:
            raise forms.ValidationError(
                _("The file is larger than %(most)s MB; split it."),
                params={"most": settings.IMPORT_MAX_BYTES >> 20},
            )
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and bool(cleaned.get("file")) == bool(cleaned.get("pasted", "").strip()):
            raise forms.ValidationError(_("Choose a file or paste a table, not both."))
        return cleaned

    @property
    def source(self) -> tuple[str, Iterator[bytes], str]:
        """Its name, its bytes, and the encoding that the person chose."""
        if file := self.cleaned_data["file"]:
            return file.name, file.chunks(), self.cleaned_data["encoding"]
        return _("pasted table"), iter([self.cleaned_data["pasted"].encode()]), "utf-8"


class BulkImportAdmin(ImportMixin):
    """The Import button of a list. Permissions and button are django-import-export's; its preview
    held the whole file in memory and saved every row twice."""

    import_kind: ClassVar[ImportJob.Kind]
    # Each of these lists has an Export button, too.
    import_export_change_list_template = "admin/import_export/change_list_import_export.html"

    def get_urls(self) -> list[URLPattern]:
        unused = "{}_{}_process_import".format(*self.get_model_info())
        return [url for url in super().get_urls() if url.name != unused]

    @address("import/template.csv", "template_csv")
    def csv_template_view(self, request: HttpRequest) -> HttpResponseBase:
        return self.template(request, "csv")

    @address("import/template.xlsx", "template_xlsx")
    def workbook_template_view(self, request: HttpRequest) -> HttpResponseBase:
        return self.template(request, "xlsx")

    def template(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """An empty table with the known titles, in the language of the page."""
        require(self.has_import_permission(request))
        importer = IMPORTERS[self.import_kind]
        titles = [title_of(name) for name in (*importer.required, *importer.optional)]
        name = f"{self.import_kind.name.lower()}.{kind}"
        if kind == "csv":
            return file_answer(request, name, lists.csv_of(titles, ()))
        chunks = workbooks.workbook_chunks(titles, [workbooks.TEXT] * len(titles), ())
        return file_answer(request, name, chunks, workbooks.CONTENT_TYPE)

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        require(self.has_import_permission(request))
        updates = may_import(staff(request), self.import_kind, update=True)
        is_sent = request.method == "POST"
        form = UploadForm(request.POST, request.FILES) if is_sent else UploadForm()
        if not (updates and IMPORTERS[self.import_kind].updates):
            del form.fields["update"]
        if is_sent and form.is_valid():
            return redirect("admin:core_importjob_change", self.upload(request, form).pk)
        context = {
            "form": form,
            "columns": columns_of(IMPORTERS[self.import_kind]),
            "media": self.media + forms.Media(js=["office/upload.js"]),
            "past": list_url("importjob", kind__exact=self.import_kind),
        }
        return self.own_page(request, "desk/import_upload.html", _("Import"), **context)

    def upload(self, request: HttpRequest, form: UploadForm) -> ImportJob:
        name, chunks, encoding = form.source
        job = new_job(
            self.import_kind,
            name,
            chunks,
            creator=staff(request),
            update=form.cleaned_data.get("update", False),
            encoding=encoding,
        )
        start(job)
        return job


def columns_of(importer: type[RowImporter]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "needed": name in importer.required,
            "holds": HOLDS[name],
            "titles": [title for title in ALIASES[name] if title != name],
        }
        for name in (*importer.required, *importer.optional)
    ]


def title_of(name: str) -> str:
    is_chinese = (get_language() or "").startswith("zh")
    return next((title for title in ALIASES[name] if is_chinese and not title.isascii()), name)


class ExportForm(SelectableFieldsExportForm):
    """Exports CSV unless Excel is chosen, which saves a click. Columns are named as on the desk."""

    def __init__(self, formats: Any, resources: Any, **kwargs: Any) -> None:
        super().__init__(formats, resources, **kwargs)
        field = self.fields["format"]
        field.choices, field.initial = field.choices[1:], "0"
        for resource in resources:
            for name in resource.fields:
                box = self.fields[self.create_boolean_field_name(resource, name)]
                box.label = resource._meta.model._meta.get_field(name).verbose_name


class ExportAdmin(ExportMixin):
    """Exports what the list shows, with its filters and search."""

    export_form_class = ExportForm
    export_template_name = "desk/export.html"
    formats = (CSV, XLSX)

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_export_queryset(request).order_by("pk")

    def export_action(self, request: HttpRequest) -> HttpResponseBase:
        """The library's page, but not its file: the library keeps all of it in memory, a model
        object per row."""
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
        columns = lists.columns_of(resource, [n for n in order if chosen is None or n in chosen])
        name = self.get_export_filename(request, queryset, file_format)
        if isinstance(file_format, CSV):
            return file_answer(request, name, lists.csv_chunks(queryset, columns))
        chunks = lists.workbook_chunks(queryset, columns)
        return file_answer(request, name, chunks, workbooks.CONTENT_TYPE)
