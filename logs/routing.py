"""Which database the log lives in: the alias `logs`, so that its bulk writes never hold up the rest.

Both aliases may name one database. They then share one table of applied migrations, so whichever of
`migrate` and `migrate --database logs` comes first has to make every table.
"""

from typing import Any

from django.conf import settings
from django.db.models import Model

APP = ALIAS = "logs"


class LogsApart:
    """A database router (https://docs.djangoproject.com/en/5.2/topics/db/multi-db/#using-routers)."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == APP else None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return ALIAS if model._meta.app_label == APP else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return one_database() or (app_label == APP) == (db == ALIAS)


def one_database() -> bool:
    """Whether the log shares its database with everything else."""
    return bool(settings.LOG_DATABASE_URL == settings.DATABASE_URL)
