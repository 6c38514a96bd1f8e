"""The page of one call in the admin: what is on record of it, with its bodies, all of it as text."""

import zlib
from typing import Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from logs.models import BodyKind, LogBody, RequestLog

SHOWN = 1 << 20  # bytes of a body
ORDER = {kind: place for place, kind in enumerate(BodyKind.values)}


class CallPage:
    fieldsets: Any = (
        (None, {"fields": ("id", "created_at", "outcome", "status", "finish")}),
        ("Error", {"fields": ("error_type", "error_code", "error_message")}),
        (
            "Who",
            {
                "fields": (
                    ("organisation", "workspace", "workspace_id"),
                    ("api_key", "api_key_id"),
                    ("client_address", "sdk"),
                    "metadata",
                )
            },
        ),
        (
            "What",
            {
                "fields": (
                    ("method", "endpoint", "fn"),
                    ("dialect", "stream"),
                    ("virtual_key", "virtual_key_id", "integration"),
                    ("provider", "model", "model_answered"),
                    "attempts",
                    ("retry_count", "option_index", "cache_status"),
                    "ignored",
                )
            },
        ),
        (
            "Usage and cost",
            {
                "fields": (
                    ("usage_source", "total_tokens"),
                    ("input_tokens", "cache_read_tokens", "cache_write_tokens", "audio_input_tokens"),
                    ("output_tokens", "reasoning_tokens", "audio_output_tokens"),
                    ("cost_usd", "pricing"),
                )
            },
        ),
        ("Time", {"fields": (("first_byte_ms", "total_ms", "gateway_ms"),)}),
        ("Trace", {"fields": ("trace_id", ("span_id", "span_name", "parent_span_id"))}),
        ("Bodies", {"fields": ("bodies",)}),
    )
    readonly_fields: Any = ("cost_usd", "bodies")

    @admin.display(description="cost (USD)")
    def cost_usd(self, log: RequestLog) -> str:
        return "unknown" if log.cost is None else f"{log.cost.normalize():f}"

    @admin.display(description="")
    def bodies(self, log: RequestLog) -> SafeString:
        """Each body as text between tags of ours: what a model or a client wrote is never markup."""
        kept = sorted(LogBody.objects.filter(log=log.id), key=lambda body: ORDER.get(body.kind, len(ORDER)))
        if not kept:
            return format_html("{}", "No body was kept.")
        return format_html_join(
            "", "<h3>{}</h3><pre style='{}'>{}</pre>", ((title(b), WRAPPED, text(b)) for b in kept)
        )


WRAPPED = "white-space: pre-wrap; overflow-wrap: anywhere"


def title(body: LogBody) -> str:
    cut = ", cut" if body.cut else ""
    return f"{body.kind} ({body.size:,} bytes{cut})"


def text(body: LogBody) -> str:
    """The body, read as UTF-8; what is none shows as such."""
    return zlib.decompressobj().decompress(bytes(body.content), SHOWN).decode(errors="replace")
