"""Where Django finds the office: its models, and the desk (our admin site) over them."""

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
        """All that pages need and a consumer does not, which starts in two thirds of the time."""
        admin.autodiscover()
        # Not imported by core/admin/__init__.py: Django makes its site from core.admin.site when
        # the first model is registered, and what that import registered would be lost.
        for module in ("accounts", "billing", "sites", "orders", "imports", "bulk"):
            import_module(f"core.admin.{module}")
        # What pages watch; a module registers its sources with core.live.
        for module in ("orders", "customers", "messages", "queues", "desk", "jobs"):
            import_module(f"core.live.sources.{module}")
        import_module("core.portal.order_page")


class DeskConfig(admin_apps.SimpleAdminConfig):
    """django.contrib.admin with our site in place of its own."""

    default = False
    default_site = "core.admin.site.DeskSite"
