"""The project as an app of its own, for its pages and its system checks."""

from django.apps import AppConfig, apps


class SiteConfig(AppConfig):
    name = "gateway_site"
    verbose_name = "Gatehouse"

    def ready(self) -> None:
        from gateway_site import checks  # noqa: F401 - registers the system checks
        from gateway_site.connections import drop_signals

        drop_signals()
        apps.get_app_config("auth").verbose_name = "People"
