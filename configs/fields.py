"""The words of a config: which members a node may have, in which spelling, and of what kind (§3.2).

Members are snake_case; the camelCase that Portkey takes as well is put into it before anything is read,
except inside what belongs to someone else (parameters, conditions, checks).
"""

import re
from collections.abc import Mapping
from typing import Any

from providers.catalog import PROVIDERS

CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")
THEIRS = {  # what is inside is not ours to respell
    "override_params",
    "default_params",
    "params",
    "checks",
    "conditions",
    "input_guardrails",
    "output_guardrails",
    "default_input_guardrails",
    "default_output_guardrails",
    "vertex_service_account_json",
}
HOOKS = (  # guardrails, which have an app of their own on the day there is one
    "before_request_hooks",
    "after_request_hooks",
    "input_guardrails",
    "output_guardrails",
    "input_mutators",
    "output_mutators",
    "default_input_guardrails",
    "default_output_guardrails",
)
UNBUILT = (*HOOKS, "prompt_id")
NODE = {
    "strategy",
    "targets",
    "name",
    "weight",
    "provider",
    "api_key",
    "virtual_key",
    "override_params",
    "default_params",
    "drop_params",
    "cache",
    "retry",
    "request_timeout",
    "custom_host",
    "forward_headers",
    "strict_open_ai_compliance",
    "passthrough",
    "fetch_integrated_models",
    "on_status_codes",  # at this place accepted and without meaning
}
STRATEGY = {"mode", "on_status_codes", "conditions", "default", "sticky", "cb_config"}
RETRY = {"attempts", "on_status_codes", "use_retry_after_header", "use_retry_after_headers"}
CACHE = {"mode", "max_age"}
STICKY = {"enabled", "hash_fields", "ttl"}
BREAKER = {
    "failure_threshold",
    "failure_threshold_percentage",
    "cooldown_interval",
    "failure_status_codes",
    "minimum_requests",
}
CONDITION = {"query", "then"}
MODES = ("single", "loadbalance", "fallback", "conditional")
CACHE_MODES = ("simple", "semantic")
MAX_AGE = 60, 90 * 86_400  # seconds: with any other number the cache keeps an answer for its usual time

SETTINGS = frozenset(setting.name for row in PROVIDERS.values() for setting in row.settings)
"""Every provider setting there is a row for."""

SETTING_FAMILIES = (  # of providers without a row yet, too: nobody is to keep a secret among them
    "aws_",
    "amz_",
    "amzn_",
    "azure_",
    "vertex_",
    "openai_",
    "anthropic_",
    "workers_ai_",
    "huggingface_",
    "fireworks_",
    "stability_",
    "mistral_",
    "snowflake_",
    "oracle_",
    "databricks_",
    "byteplus_",
)
SETTINGS_BY_NAME = {"resource_name", "deployment_id", "api_version", "deployment_name"}


def is_setting(name: str) -> bool:
    """Whether a member is a provider's setting."""
    return name in SETTINGS or name in SETTINGS_BY_NAME or name.startswith(SETTING_FAMILIES)


def spelled(value: Any) -> Any:
    """A config with its members in snake_case."""
    if isinstance(value, list):
        return [spelled(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    respelled = {}
    for name, inner in value.items():
        name = CAPITAL.sub(lambda found: "_" + found[1].lower(), name)
        respelled[name] = inner if name in THEIRS else spelled(inner)
    return respelled
