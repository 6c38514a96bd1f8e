"""Forms that look at a password, slowed after failures by `pauses`: what they say, and the 429 of a pause."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpResponse

from gateway_site import pauses

PAUSED = "paused"  # the code of the error that tells of a pause


@contextmanager
def slowed(counted: Sequence[pauses.Bucket]) -> Iterator[None]:
    """Around a look at a password, which is wrong if ValidationError is raised inside.

    Raises ValidationError: what was raised, with the pause that follows, or that there is a pause now.
    """
    try:
        follows = pauses.begin(counted)
    except pauses.Paused as paused:
        told = f"Too many failed attempts. Try again in {in_words(paused.left)}."
        raise ValidationError(told, code=PAUSED, params={"left": paused.left}) from None
    try:
        yield
    except ValidationError as error:
        if follows:
            told = f"The next attempt is possible in {in_words(follows)}."
            raise ValidationError([error, told]) from error
        raise
    pauses.succeeded(counted)


def tell_of_pause(response: HttpResponse) -> bool:
    """Make it a 429 if its form could not be looked at; whether it is one."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    left = None if form is None else pause_in(form)
    if left is None:
        return False
    response.status_code = 429
    response["Retry-After"] = str(seconds(left))
    return True


def pause_in(form: BaseForm) -> timedelta | None:
    """What is left of the pause that a form met with."""
    for errors in form.errors.as_data().values():
        for error in errors:
            if error.code == PAUSED and error.params:
                return timedelta(seconds=seconds(error.params["left"]))
    return None


def in_words(time: timedelta) -> str:
    """As in "1 minute 30 seconds", rounded up."""
    minutes, rest = divmod(seconds(time), 60)
    parts = [(minutes, "minute"), (rest, "second")]
    return " ".join(f"{count} {unit}{'s' * (count != 1)}" for count, unit in parts if count)


def seconds(time: timedelta) -> int:
    return max(1, -(-time // timedelta(seconds=1)))
