"""Who signed in, who failed to, and who signed out, as Django's signals tell it.

What was typed where a name belongs is told only if it is somebody's name: it may be a password.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model, user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from audit.actors import Actor, address, of_user
from audit.models import Action
from audit.trail import event

SHORT = 8  # hexadecimal digits: enough to tell names apart


def listen() -> None:
    user_logged_in.connect(signed_in, dispatch_uid="audit signed in")
    user_logged_out.connect(signed_out, dispatch_uid="audit signed out")
    user_login_failed.connect(failed, dispatch_uid="audit failed")


def signed_in(request: HttpRequest | None, user: Any, **_: Any) -> None:
    leave(Action.SIGN_IN, of_user(user, sent_from(request)))


def signed_out(request: HttpRequest | None, user: Any, **_: Any) -> None:
    if user is not None:  # who was not signed in can sign out all the same
        leave(Action.SIGN_OUT, of_user(user, sent_from(request)))


def failed(credentials: Mapping[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Under the name of the user it was tried for, if there is one."""
    typed = str(credentials.get(get_user_model().USERNAME_FIELD) or "")
    name = typed if is_known(typed) else unknown(typed)
    leave(Action.SIGN_IN_FAILED, Actor("user", name=name, address=sent_from(request)))


def is_known(name: str) -> bool:
    users = get_user_model()
    return "\0" not in name and users._default_manager.filter(**{users.USERNAME_FIELD: name}).exists()


def unknown(typed: str) -> str:
    """A name for what was typed that tells tries of the same from others, and does not give it away."""
    plain = unicodedata.normalize("NFKC", typed.strip()).casefold()
    digest = salted_hmac("gatehouse.unknown_name", plain, algorithm="sha256").hexdigest()
    return f"an unknown name ({digest[:SHORT]})"


def leave(action: Action, who: Actor) -> None:
    event(action, kind="user", id=who.id, name=who.name, actor=who).save()


def sent_from(request: HttpRequest | None) -> str:
    return "" if request is None else address(request.META)
