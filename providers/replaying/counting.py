"""Token counts: from disjoint buckets back to OpenAI's usage object, where nothing else was kept."""

from providers.types import JSON, Usage


def usage_object(usage: Usage) -> JSON:
    """OpenAI's usage: totals, of which the details are parts. providers/usage.py reads the same from it."""
    prompt = usage.input + usage.cache_read + usage.cache_write + usage.audio_input
    completion = usage.output + usage.reasoning + usage.audio_output
    told: JSON = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": usage.total}
    read = {
        "cached_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "audio_tokens": usage.audio_input,
    }
    written = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_output}
    for name, details in (("prompt_tokens_details", read), ("completion_tokens_details", written)):
        if counted := {kind: count for kind, count in details.items() if count}:
            told[name] = counted
    return told
