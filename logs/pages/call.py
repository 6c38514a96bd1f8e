"""The page of one call in the admin: its story, laid out to be read, all of it as text.

What the bodies say is logs/story's, what the row says in words wording.py's. Every fragment is rendered
by itself, with turns for the calls beside it between two, and leaves through one door (`shown`), where
characters that nobody would see are made visible.
"""

import contextlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

from keys.admin_changes import ReadOnlyAdmin
from logs.asking.conditions import is_id
from logs.models import BodyKind, LogBody, RequestLog
from logs.pages import routed, wording
from logs.story import reading, timeline
from logs.story.turns import in_turns
from logs.story.values import Told
from logs.story.visible import visible

SHOWN = 256 << 10  # characters of a body, as it is
STRETCH = 16 << 10  # of them at a time
READ = 1 << 20  # bytes of a body
TITLES = {
    BodyKind.CONFIG: "The config in the request, without its credentials",
    BodyKind.REQUEST: "The request, as the client sent it",
    BodyKind.SENT: "The request, as it went to the provider",
    BodyKind.RECEIVED: "The answer, as it came from the provider",
    BodyKind.RESPONSE: "The answer, as it went to the client",
}
OUTER = ((BodyKind.REQUEST, reading.request), (BodyKind.RESPONSE, reading.answer))
INNER = ((BodyKind.SENT, reading.request), (BodyKind.RECEIVED, reading.answer))


class Fact(NamedTuple):
    """Something that is known of the call; empty where it is not."""

    name: str
    value: str
    query: str = ""  # for a list of the calls that share it
    page: str = ""  # the address of a page about it


class CallPage(ReadOnlyAdmin):
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """To look at, for those who may."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        log = self.get_object(request, object_id)
        if log is None:
            self.message_user(request, "There is no such request, or not any more.", messages.WARNING)
            return redirect("admin:logs_requestlog_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": log,
            "title": "Request",
            "subtitle": str(log.id),
            "fragments": in_turns(fragments(log, config_page(log, request.user))),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "logs/call.html", context)

    @admin.display(description="cost (USD)")
    def cost_usd(self, log: RequestLog) -> str:
        return "unknown" if log.cost is None else f"{log.cost.normalize():f}"


def config_page(log: RequestLog, user: Any) -> str:
    """The address of the saved config's own page in the admin, for those who may see it."""
    may_see = any(user.has_perm(f"configs.{verb}_config") for verb in ("view", "change"))
    if not (may_see and is_id(log.config_id)):
        return ""
    with contextlib.suppress(NoReverseMatch):
        return reverse("admin:configs_config_change", args=[log.config_id])
    return ""


def fragments(log: RequestLog, of_config: str = "") -> Iterator[SafeString]:
    """The page from top to bottom; `of_config` is the address of the config's page, for those who see it."""
    kept = {body.kind: body for body in LogBody.objects.filter(log=log.id)}
    bodies = {kind: kept[kind] for kind in BodyKind if kind in kept}
    yield shown("head", log=log, sentence=wording.sentence(log), kinds=list(bodies), **facts(log, of_config))
    yield from conversation(log, bodies)
    yield shown(
        "times", log=log, times=timeline.times(log.first_byte_ms, log.total_ms, log.gateway_ms, paused(log))
    )
    yield from attempts(log)
    yield shown("cost", log=log, **costs(log))
    yield from raw(bodies)


def paused(log: RequestLog) -> float:
    """Milliseconds that were waited before retries."""
    known = (
        [each for each in log.attempts if isinstance(each, dict)] if isinstance(log.attempts, list) else []
    )
    return sum(timeline.number(each, "waited_ms") for each in known)


def shown(name: str, **context: Any) -> SafeString:
    """A fragment as it stands in the page: escaped by its template, and with nothing in it unseen."""
    return SafeString(visible(render_to_string(f"logs/call/{name}.html", context)))


def facts(log: RequestLog, of_config: str) -> dict[str, list[Fact]]:
    return {"people": people(log), "what": [*what(log), *how(log, of_config), *ids(log)]}


def people(log: RequestLog) -> list[Fact]:
    metadata = log.metadata if isinstance(log.metadata, dict) else {}
    return [
        Fact("Workspace", log.workspace, alike(workspace=log.workspace_id)),
        Fact("API key", log.api_key, alike(api_key=log.api_key_id)),
        Fact("Address", log.client_address),
        Fact("Client", log.sdk),
        *(
            Fact(name, value, "" if "=" in name else alike(metadata=f"{name}={value}"))
            for name, value in metadata.items()
        ),
    ]


def alike(**filters: str) -> str:
    """The query for a list of all calls that have this in common; none where there is nothing."""
    return urlencode({"span": "all", **filters}, errors="replace") if all(filters.values()) else ""


def what(log: RequestLog) -> list[Fact]:
    answered = log.model_answered if log.model_answered != log.model else ""
    return [
        Fact("Call", f"{log.method} {log.endpoint}{', streamed' if log.stream else ''}"),
        Fact("Virtual key", log.virtual_key, alike(virtual_key=log.virtual_key_id)),
        Fact("Integration", log.integration),
        Fact("Model asked", log.model, alike(provider=log.provider, model=log.model)),
        Fact("Model that answered", answered),
    ]


def how(log: RequestLog, of_config: str) -> list[Fact]:
    """By which config the call was routed, and what the cache had for it."""
    return [
        Fact("Config", routed.config(log), alike(workspace=log.workspace_id, config=log.config), of_config),
        Fact("Version of the config", routed.version(log)),
        Fact("Strategy", routed.mode(log)),
        Fact("Target", log.option_index),
        Fact("Cache", routed.cache(log)),
    ]


def ids(log: RequestLog) -> list[Fact]:
    """What the call is known by."""
    return [
        Fact("Log id", str(log.id)),
        Fact("Trace", log.trace_id, urlencode({"q": log.trace_id}, errors="replace") if log.trace_id else ""),
        Fact("Span", " ".join(filter(None, (log.span_name, log.span_id)))),
        Fact("Parent span", log.parent_span_id),
    ]


def conversation(log: RequestLog, bodies: dict[BodyKind, LogBody]) -> Iterator[SafeString]:
    """What the client and the provider said to each other, in the client's words."""
    words = reading.speech(log.dialect, log.endpoint)
    if not bodies:
        yield shown("none")
        return
    for kind, read in OUTER:
        if body := bodies.get(kind):
            yield from laid_out("title", kind, read(words, content(body), cut=body.cut))
    theirs = reading.spoken(log.provider, words)
    for kind, read in INNER:
        if body := bodies.get(kind):
            yield SafeString('<details class="gh-panel">')
            yield from laid_out("folded", kind, read(theirs, content(body), cut=body.cut))
            yield SafeString("</details>")


def laid_out(heading: str, kind: BodyKind, told: Told) -> Iterator[SafeString]:
    """One body under its heading: its turns, and what is said beside them."""
    yield shown(heading, kind=kind.value, title=TITLES[kind], told=told)
    yield from (shown("turn", turn=turn) for turn in told.turns)
    yield shown("beside", told=told)


def attempts(log: RequestLog) -> Iterator[SafeString]:
    """Every request in order, one by one: there may be many."""
    told = routed.routed(log)
    yield shown("attempts", told=told)
    yield from (each for target in told.first for each in tries(target))
    yield shown("attempts_left_out", count=told.left_out)
    yield from (each for target in told.last for each in tries(target))
    yield shown("attempts_end", log=log, told=told)


def tries(target: routed.Target) -> Iterator[SafeString]:
    yield shown("target", target=target)
    yield from (shown("try", line=line, tried=line.tried) for line in target.lines)
    yield SafeString("</ol>")


def costs(log: RequestLog) -> dict[str, Any]:
    return {
        "used": list(wording.used(log)),
        "lines": wording.bill(log),
        "total": wording.money(log.cost),
        "source": wording.source(log.price_source),
        "why": wording.why(log),
        "repriced": wording.repriced(log),
    }


def raw(bodies: dict[BodyKind, LogBody]) -> Iterable[SafeString]:
    """Each body as it is."""
    for kind, body in bodies.items():
        text = content(body).decode("utf-8", "replace")
        yield shown("raw", title=TITLES[kind], body=body)
        for start in range(0, min(len(text), SHOWN), STRETCH):
            yield SafeString(visible(escape(text[start : start + STRETCH])))
        yield shown("raw_end", left_out=max(len(text) - SHOWN, 0))


def content(body: LogBody) -> bytes:
    return zlib.decompressobj().decompress(bytes(body.content), READ)
