"""Addresses: the admin under /admin, and nothing else to find by guessing."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    # For pages without a link to the icon: browsers ask for it by themselves.
    path("favicon.ico", RedirectView.as_view(url=static("theme/favicon.svg"))),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
