"""Bulk uploads on the desk: the page behind Import, and each job's own page: what the check found,
the import with its progress, and what was refused.

Everybody who may see imports sees what was done; the rows themselves, and the buttons, belong to
whoever uploaded the file, and to super administrators.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportMixin

from core import tasks
from core.admin.base import Button, staff
from core.admin.jobs import JobAdmin
from core.importing import jobs, store
from core.importing.columns import ALIASES, HOLDS
from core.importing.jobs import IMPORTERS
from core.importing.preview import preview
from core.importing.row_importer import RowImporter
from core.importing.uploads import new_job
from core.live.sources import jobs as feed
from core.models import ApprovalLimit, ImportJob, User
from core.pages import display
from core.permissions import Right, may

# Done before the page is back; larger files are for the consumers.
SMALL_BYTES = 100_000
SMALL_ROWS = 1_000
ERRORS_SHOWN = 100
MODELS = {
    ImportJob.Kind.CUSTOMERS: "customer",
    ImportJob.Kind.CHARGES: "chargerecord",
    ImportJob.Kind.ORDERS: "order",
}
RIGHTS = {
    ImportJob.Kind.CUSTOMERS: Right.IMPORT_CUSTOMERS,
    ImportJob.Kind.CHARGES: Right.IMPORT_TOP_UPS,
    ImportJob.Kind.ORDERS: Right.IMPORT_ORDERS,
}


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV (UTF-8 or GB18030) or Excel (.xlsx), the first row a header."),
    )
    update = forms.BooleanField(label=gettext_lazy("Also update existing rows"), required=False)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.IMPORT_MAX_BYTES:
            raise forms.ValidationError(
                _("The file is larger than %(most)s MB; split it."),
                params={"most": settings.IMPORT_MAX_BYTES >> 20},
            )
        return file


class BulkImportAdmin(ImportMixin):
    """The Import button of a list. Permissions and button are django-import-export's; its preview
    held the whole file in memory and saved every row twice."""

    import_kind: ClassVar[ImportJob.Kind]

    def get_urls(self) -> list[URLPattern]:
        unused = "{}_{}_process_import".format(*self.get_model_info())
        return [url for url in super().get_urls() if url.name != unused]

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not self.has_import_permission(request):
            raise PermissionDenied
        updates = may_import(staff(request), self.import_kind, update=True)
        form = UploadForm(request.POST or None, request.FILES or None)
        if not (updates and IMPORTERS[self.import_kind].updates):
            del form.fields["update"]
        if request.method == "POST" and form.is_valid():
            return redirect("admin:core_importjob_change", self.upload(request, form).pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import"),
            "opts": self.model._meta,
            "form": form,
            "columns": columns_of(IMPORTERS[self.import_kind]),
            "media": self.media,
            "past": reverse("admin:core_importjob_changelist") + f"?kind__exact={self.import_kind}",
        }
        return TemplateResponse(request, "desk/import_upload.html", context)

    def upload(self, request: HttpRequest, form: UploadForm) -> ImportJob:
        file = form.cleaned_data["file"]
        job = new_job(
            self.import_kind,
            file.name,
            file.chunks(),
            creator=staff(request),
            update=form.cleaned_data.get("update", False),
        )
        start(job, is_small=job.size <= SMALL_BYTES)
        return job


def counted(name: str, label: Any) -> Callable[..., str]:
    """A column of the list with its digits grouped, and its title: that of the field `created`
    would be in Chinese that of a date."""

    @admin.display(description=label, ordering=name)
    def shown(_admin: Any, job: ImportJob) -> str:
        return display.number(getattr(job, name))

    return shown


@admin.register(ImportJob)
class ImportJobAdmin(JobAdmin):
    """Who imported what and when; each job's page works on it."""

    source = feed.imports
    change_form_template = "desk/import_job.html"
    panel_template = "desk/import_panel.html"
    object_actions = ("load", "stop")
    list_display = (
        *("file_name", "kind", "state", "rows", "created_rows", "updated_rows"),
        *("refused_rows", "shown_amount", "creator", "create_date"),
    )
    rows = counted("total", gettext_lazy("Rows"))
    created_rows = counted("created", gettext_lazy("Created"))
    updated_rows = counted("updated", gettext_lazy("Updated"))
    refused_rows = counted("rejected", gettext_lazy("Refused rows"))
    list_filter = ("kind", "status")
    search_fields = ("file_name",)
    # The page shows its own panel; nothing of a job is typed.
    fields = readonly_fields = ("file_name",)

    def get_urls(self) -> list[URLPattern]:
        return [
            self.own_path("<int:pk>/errors.csv", self.errors_view, "errors"),
            self.own_path("<int:pk>/refused.csv", self.refused_view, "refused"),
            *super().get_urls(),
        ]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whose rows these are. Without an object: whether there can be any."""
        user = staff(request)
        if isinstance(obj, ImportJob):
            is_open = may(user, Right.OPEN_IMPORT, obj)
            return is_open and may_import(user, obj.kind, update=obj.update)
        return any(may_import(user, kind) for kind in MODELS)

    def buttons(self, request: HttpRequest, obj: ImportJob) -> list[Button]:
        if obj.is_final or not self.has_change_permission(request, obj):
            return []
        found = []
        if obj.status == ImportJob.Status.CHECKED and obj.changes:
            number = {"number": display.number(obj.changes)}
            label = _("Import %(number)s rows") if not obj.rejected else _("Import valid rows")
            question = _("Import %(number)s rows now?")
            if obj.rejected:
                question = _("Import %(number)s rows now and return the others for correction?")
            look = {"tone": "primary", "confirm": question % number}
            found.append(self.post_button(obj, "load", label % number, **look))
        look = {"tone": "warning", "confirm": _("Stop this import?")}
        found.append(self.post_button(obj, "stop", _("Cancel"), **look))
        return found

    def load(self, request: HttpRequest, job: ImportJob) -> tuple[str, int]:
        """All rows, or none where one became wrong since the check; with refused rows in the file
        the good ones."""
        if not job.start_import(partial=job.rejected > 0):
            return _("This import was already started."), messages.WARNING
        start(job, is_small=job.total <= SMALL_ROWS)
        return _("Import started."), messages.SUCCESS

    def stop(self, request: HttpRequest, job: ImportJob) -> tuple[str, int]:
        if job.is_final:
            return _("It has already ended."), messages.WARNING
        # First the flag file: on SQLite the database takes our word only after the whole import.
        store.ask_to_stop(job)
        if job.cancel():
            store.remove_upload(job)
            return _("Canceled. Rows already imported stay."), messages.SUCCESS
        return _("Stopping; this takes a moment."), messages.SUCCESS

    def errors_view(self, request: HttpRequest, pk: int) -> FileResponse:
        return self.private_file(request, pk, store.ERRORS)

    def refused_view(self, request: HttpRequest, pk: int) -> FileResponse:
        return self.private_file(request, pk, store.REFUSED)

    def private_file(self, request: HttpRequest, pk: int, name: str) -> FileResponse:
        job = self.seen_or_404(request, pk)
        if not may(staff(request), Right.OPEN_IMPORT, job):
            raise PermissionDenied
        path = store.path_of(job, name)
        if not path.exists():
            raise Http404
        return FileResponse(
            path.open("rb"),
            as_attachment=True,
            filename=f"{job.pk}-{name}",
            content_type="text/csv; charset=utf-8",
        )

    def panel_context(self, request: HttpRequest, job: ImportJob) -> dict[str, Any]:
        user = staff(request)
        is_open = may(user, Right.OPEN_IMPORT, job)
        is_checked = job.status == ImportJob.Status.CHECKED
        return {
            "nothing": is_checked and not job.changes,
            "again": may_import(user, job.kind) and job.is_final and import_page(job.kind),
            "before": ImportJob.objects.imported_before(job) if is_checked else None,
            "preview": preview(job) if is_checked and is_open else None,
            "errors": store.first_errors(job, ERRORS_SHOWN) if job.rejected and is_open else [],
            "has_refused": is_open and store.path_of(job, store.REFUSED).exists(),
            "limit": limit_of(job) if is_checked else "",
        }


def start(job: ImportJob, *, is_small: bool) -> None:
    """Do what is due: now where that is quick, else by the consumers."""
    if is_small:
        jobs.run(job.pk)
    else:
        tasks.wake_import(job.pk)


def may_import(user: User, kind: int, *, update: bool = False) -> bool:
    right = Right.UPDATE_CUSTOMERS_BY_IMPORT if update else RIGHTS[ImportJob.Kind(kind)]
    return may(user, right)


def import_page(kind: int) -> str:
    return reverse(f"admin:core_{MODELS[ImportJob.Kind(kind)]}_import")


def columns_of(importer: type[RowImporter]) -> list[dict[str, Any]]:
    """What a file may have, for whoever is about to make one."""
    return [
        {
            "name": name,
            "needed": name in importer.required,
            "holds": HOLDS[name],
            "titles": [title for title in ALIASES[name] if title != name],
        }
        for name in (*importer.required, *importer.optional)
    ]


def limit_of(job: ImportJob) -> str:
    """What the orders of a file may cost each before they await approval; "" for no limit."""
    if job.kind != ImportJob.Kind.ORDERS:
        return ""
    limit = ApprovalLimit.objects.of(job.creator)
    return "" if limit is None else display.money(limit)
