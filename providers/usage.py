"""Token counts: from the common form's usage (OpenAI's, see docs/common-form.md) to disjoint buckets."""

from typing import Any

from providers.types import JSON, Usage


def usage_of(usage: JSON) -> Usage:
    """The buckets of an OpenAI usage object, whose details are parts of its totals."""
    read, written = _part(usage, "prompt_tokens_details"), _part(usage, "completion_tokens_details")
    cache_read, cache_write = _count(read, "cached_tokens"), _count(read, "cache_write_tokens")
    audio_input, audio_output = _count(read, "audio_tokens"), _count(written, "audio_tokens")
    reasoning = _count(written, "reasoning_tokens")
    return Usage(
        input=max(_count(usage, "prompt_tokens") - cache_read - cache_write - audio_input, 0),
        cache_read=cache_read,
        cache_write=cache_write,
        output=max(_count(usage, "completion_tokens") - reasoning - audio_output, 0),
        reasoning=reasoning,
        audio_input=audio_input,
        audio_output=audio_output,
    )


def _part(usage: JSON, name: str) -> JSON:
    part = usage.get(name)
    return part if isinstance(part, dict) else {}


def _count(counts: JSON, name: str) -> int:
    count: Any = counts.get(name)
    return count if isinstance(count, int) and count > 0 else 0
