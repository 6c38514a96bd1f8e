"""Every provider, one row each.

A provider that speaks OpenAI's words is a row and nothing more; one with words of its own names the
format that knows them (formats/).
"""

from collections.abc import Mapping

from providers.accents import deepseek, groq, mistral_ai, openai, openrouter, together_ai
from providers.formats import anthropic
from providers.types import Auth, Provider, Setting

ROWS = (
    Provider(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        openai.OPERATIONS,
        settings=(
            Setting("openai_organization", header="openai-organization"),
            Setting("openai_project", header="openai-project"),
            Setting("openai_beta", header="openai-beta", pattern=r"[\w.,=; -]{1,200}"),
        ),
        passes=("openai-beta",),
    ),
    Provider(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com/v1",
        anthropic.OPERATIONS,
        auth=Auth("x-api-key", prefix=""),
        headers={"anthropic-version": "2023-06-01"},
        settings=(
            Setting("anthropic_version", header="anthropic-version"),
            Setting("anthropic_beta", header="anthropic-beta", pattern=r"[\w.,=; -]{1,1000}"),
        ),
        passes=("anthropic-version", "anthropic-beta"),
    ),
    Provider("deepseek", "DeepSeek", "https://api.deepseek.com", deepseek.OPERATIONS),
    Provider("groq", "Groq", "https://api.groq.com/openai/v1", groq.OPERATIONS),
    Provider(
        "mistral-ai",
        "Mistral AI",
        "https://api.mistral.ai/v1",
        mistral_ai.OPERATIONS,
        variable="MISTRAL_API_KEY",
        takes_stream_usage=False,
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api",
        openrouter.OPERATIONS,
        passes=("http-referer", "x-title", "x-openrouter-title", "x-openrouter-categories", "x-session-id"),
        takes_stream_usage=False,
        passthrough_under="/v1",
    ),
    Provider(
        "together-ai",
        "Together AI",
        "https://api.together.xyz",
        together_ai.OPERATIONS,
        variable="TOGETHER_API_KEY",
        takes_stream_usage=False,
        passthrough_under="/v1",
    ),
)

PROVIDERS: Mapping[str, Provider] = {row.slug: row for row in ROWS}
