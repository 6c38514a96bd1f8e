"""What a config makes of a call's parameters: defaults below the client's own, overrides above, drops last.

Each target gets a copy of the body that came, so that targets do not see each other's overrides. Of a form
with files only the model is changed. What may have parameters and cannot be read is refused, never sent as if
it had been changed.
"""

from dataclasses import replace

from configs.parameters import laid_over
from configs.tree import NO_SETTINGS, Settings
from keys import slugs
from providers.json_text import dumps, loads
from proxy import apart, body, form
from proxy.call import PASSTHROUGH, Call, kind_of
from proxy.errors import InvalidRequest
from proxy.form import Form
from proxy.form_headers import Unclear

UNREADABLE = "The config changes parameters, and the body cannot be read as a JSON object."
UNCLEAR = "The config sets the model, and that of the form cannot be set with certainty: {}."
COMPRESSED = "it is compressed"
TAKE_MODELS = ("/audio/", "/images/", "/videos")  # paths to which a form goes that has a model, named or not
DROPPED_HERE = 32 * 1024  # bytes of a body: a path with `*` is looked for in every element of a list


class Unchangeable(InvalidRequest):
    """The body cannot be changed as a target's settings order; another target may take it as it is."""


def applied(call: Call, settings: Settings) -> Call:
    """The call as it goes to a target with these settings. Raises Unchangeable."""
    if settings is NO_SETTINGS:  # as of nearly every call without a config
        return call
    strict = call.strict and settings.strict is not False
    if not settings.changes_body:
        return call if strict == call.strict else replace(call, strict=strict)
    if call.form is not None:
        return replace(modelled(call, call.form, settings), strict=strict)
    if not call.is_object:
        refuse_unread(call)
        return replace(call, strict=strict)
    if call.fn != PASSTHROUGH and (model := only_model(settings)):
        return replace(call, model=model, strict=strict)  # the body's bytes can stay
    return changed(call, settings, strict=strict)


def modelled(call: Call, came: Form, settings: Settings) -> Call:
    """A form with the model that the settings order, or give where it names none. Raises Unchangeable."""
    model = settings.override.get("model") or (not call.model and settings.default.get("model"))
    if not isinstance(model, str) or not call.raw:
        return call
    if not (came.model or came.fault or call.path.startswith(TAKE_MODELS)):
        return call  # a file that is uploaded has none
    if is_compressed(call):
        raise Unchangeable(UNCLEAR.format(COMPRESSED))
    try:
        now, raw = form.with_model(came, call.raw, slugs.split(model)[1])
    except Unclear as unclear:
        raise Unchangeable(UNCLEAR.format(unclear)) from None
    return replace(call, model=model, raw=raw, form=now)


def refuse_unread(call: Call) -> None:
    """Refuse what no object was read in, though there may be one. Raises Unchangeable."""
    if call.raw and (is_compressed(call) or body.may_be_json(call.raw, kind_of(call.headers))):
        raise Unchangeable(UNREADABLE)


def is_compressed(call: Call) -> bool:
    """Whether the provider is told to read other bytes than these."""
    return call.headers.get("content-encoding", "").strip().lower() not in ("", "identity")


def only_model(settings: Settings) -> str:
    """The model, if nothing else is changed."""
    if len(settings.override) != 1 or settings.default or settings.drop:
        return ""
    model = settings.override.get("model")
    return model if isinstance(model, str) else ""


def changed(call: Call, settings: Settings, *, strict: bool) -> Call:
    if apart.is_large(call.raw):
        told, raw = apart.changed(call.raw, settings)
    elif settings.drop and len(call.raw) > DROPPED_HERE:
        told = loads(bytes(apart.changed(call.raw, settings)[1]))
        raw = dumps(told) if call.fn == PASSTHROUGH else b""
    else:
        told = laid_over(call.body, settings.default, settings.override, settings.drop)
        raw = dumps(told) if call.fn == PASSTHROUGH else b""
    model = told.get("model")
    return replace(
        call,
        body=told,
        raw=raw,
        model=model if isinstance(model, str) else call.model,
        stream=bool(told.get("stream")),
        strict=strict,
    )
