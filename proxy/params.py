"""What a config makes of a call's parameters: defaults below the client's own, overrides above, drops last.

Each target gets a copy of the body that came, so that targets do not see each other's overrides. Of a form
with files only the model is changed.
"""

from dataclasses import replace

from configs.parameters import laid_over
from configs.tree import NO_SETTINGS, Settings
from providers.json_text import dumps, loads
from proxy import apart, form, slugs
from proxy.call import PASSTHROUGH, Call

DROPPED_HERE = 32 * 1024  # bytes of a body: a path with `*` is looked for in every element of a list


def applied(call: Call, settings: Settings) -> Call:
    """The call as it goes to a target with these settings."""
    if settings is NO_SETTINGS:  # as of nearly every call without a config
        return call
    strict = call.strict and settings.strict is not False
    if settings.changes_body and call.is_form:
        call = with_model(call, settings)
    if not settings.changes_body or not is_object(call):
        return call if strict == call.strict else replace(call, strict=strict)
    if call.fn != PASSTHROUGH and (model := only_model(settings)):
        return replace(call, model=model, strict=strict)  # the body's bytes can stay
    return changed(call, settings, strict=strict)


def with_model(call: Call, settings: Settings) -> Call:
    """A form with the model that the settings order, or give where it names none."""
    model = settings.override.get("model") or (not call.model and settings.default.get("model"))
    if not isinstance(model, str):
        return call
    raw = form.with_model(call.headers["content-type"], call.raw, slugs.split(model)[1])
    return replace(call, model=model, raw=raw)


def only_model(settings: Settings) -> str:
    """The model, if nothing else is changed."""
    if len(settings.override) != 1 or settings.default or settings.drop:
        return ""
    model = settings.override.get("model")
    return model if isinstance(model, str) else ""


def is_object(call: Call) -> bool:
    """Whether the body is a JSON object, which alone has parameters."""
    return bool(call.body) or (call.fn != PASSTHROUGH and call.raw[:64].lstrip()[:1] == b"{")


def changed(call: Call, settings: Settings, *, strict: bool) -> Call:
    if apart.is_large(call.raw):
        body, raw = apart.changed(call.raw, settings)
    elif settings.drop and len(call.raw) > DROPPED_HERE:
        body = loads(bytes(apart.changed(call.raw, settings)[1]))
        raw = dumps(body) if call.fn == PASSTHROUGH else b""
    else:
        body = laid_over(call.body, settings.default, settings.override, settings.drop)
        raw = dumps(body) if call.fn == PASSTHROUGH else b""
    model = body.get("model")
    return replace(
        call,
        body=body,
        raw=raw,
        model=model if isinstance(model, str) else call.model,
        stream=bool(body.get("stream")),
        strict=strict,
    )
