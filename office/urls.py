"""Addresses: the admin under /admin, the customers' pages under /portal."""

from django.apps import apps
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

apps.get_app_config("core").load_pages()  # type: ignore[attr-defined]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("portal/", include("core.portal.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    # Browsers ask for it on pages without a link to the icon.
    path("favicon.ico", RedirectView.as_view(url=static("theme/favicon.svg"))),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
handler400 = "core.portal.errors.bad_request"
handler403 = "core.portal.errors.not_allowed"
handler404 = "core.portal.errors.not_found"
handler500 = "office.unavailable.server_error"
