"""The office's models, and the desk (our admin site) as Django apps."""

from importlib import import_module

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = _("Office")
    default_auto_field = "django.db.models.BigAutoField"
    default = True

    @staticmethod
    def load_pages() -> None:
        """For pages only: a consumer starts in two thirds of the time without them."""
        admin.autodiscover()
        # core/admin/__init__.py must not import them: Django makes its site from core.admin.site at
        # the first registration, and models that this import registered would be lost.
        for module in ("accounts", "billing", "sites", "orders", "imports", "bulk"):
            import_module(f"core.admin.{module}")
        # Each module registers live sources with core.live.
        for module in ("orders", "customers", "messages", "queues", "desk", "jobs"):
            import_module(f"core.live.sources.{module}")
        import_module("core.portal.order_page")


class DeskConfig(admin_apps.SimpleAdminConfig):
    default = False
    default_site = "core.admin.site.DeskSite"
