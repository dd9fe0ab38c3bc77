"""Export on the desk: CSV and Excel, for those who may."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX


class ExportAdmin(ExportMixin):
    """Exports what the list shows now, filters and search included."""

    formats = (CSV, XLSX)
    to_encoding = "utf-8-sig"  # Excel takes a CSV without the mark for Latin-1

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_export_queryset(request).order_by("pk")
