"""The app of the request log: who called what, how it went, what it cost."""

from django.apps import AppConfig


class LogsConfig(AppConfig):
    name = "logs"
    verbose_name = "Request log"
    default_auto_field = "django.db.models.BigAutoField"
