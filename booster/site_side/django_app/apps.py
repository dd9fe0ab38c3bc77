from django.apps import AppConfig


class BoosterOfficeConfig(AppConfig):
    name = __package__
    label = "booster_office"
    default_auto_field = "django.db.models.BigAutoField"
