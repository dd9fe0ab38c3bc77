from django.apps import AppConfig


class ThemeConfig(AppConfig):
    name = "core.theme"
    label = "theme"
