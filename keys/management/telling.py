"""How the commands say what went wrong: one sentence on standard error, and no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import CommandError
from django.db import Error

from keys.models import Workspace


@contextmanager
def plainly() -> Iterator[None]:
    """What can be put right by who gave the command ends as a CommandError that says how."""
    try:
        yield
    except ValidationError as error:
        raise CommandError(" ".join(sentences(error))) from None
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from None
    except Error as error:
        raise CommandError(f"The database did not do it ({error}). Has `migrate` been run?") from None


def sentences(error: ValidationError) -> list[str]:
    if not hasattr(error, "error_dict"):
        return error.messages
    by_field = error.message_dict.items()
    return [f"{name}: {text}" for name, texts in by_field for text in texts]


def workspace(slug: str | None) -> Workspace:
    """The workspace of that slug, or the default one. Raises CommandError."""
    if not slug:
        return Workspace.objects.default()
    found = Workspace.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no workspace {slug}.")
    return found
