"""An app only so that its check is known to Django."""

from django.apps import AppConfig


class SharedStateConfig(AppConfig):
    name = "shared_state"
    verbose_name = "Shared state"

    def ready(self) -> None:
        from shared_state import checks  # noqa: F401 - registers the check
