"""Thinking and sampling: what a model may be asked, by what models.py knows of it.

Budgets per effort are litellm's, so that a client moving over sees the same.
"""

from __future__ import annotations

from typing import Any

from providers.fields import DROPPED
from providers.formats.anthropic import json_tool
from providers.formats.anthropic.models import LEVELS, Model, model_of
from providers.types import JSON, Ask

BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192, "max": 8192}
SMALLEST_BUDGET = 1024
# From this API version on no model takes temperature, top_p or top_k.
WITHOUT_SAMPLING = "2026-10-21"


def render_thinking(thinking: Any, ask: Ask) -> Any:
    """The client's own `thinking`; a budget becomes adaptive where a model takes no budgets."""
    if _is_budget(thinking) and not model_of(ask.model).budget:
        return {"type": "adaptive", "display": thinking.get("display") or "summarized"}
    return thinking


def effort_of_budget(thinking: Any, ask: Ask) -> str | None:
    """The effort nearest to a budget that the model cannot take."""
    if not _is_budget(thinking) or model_of(ask.model).budget:
        return None
    budget = thinking.get("budget_tokens") or 0
    return "low" if budget <= BUDGETS["low"] else "medium" if budget <= BUDGETS["medium"] else "high"


def _is_budget(thinking: Any) -> bool:
    return isinstance(thinking, dict) and thinking.get("type") == "enabled"


def thinking_of_effort(effort: Any, ask: Ask) -> Any:
    """`reasoning_effort` as thinking; the client's own `thinking` comes before it."""
    if ask.body.get("thinking") is not None:
        return None
    model = model_of(ask.model)
    if effort == "none":
        return {"type": model.off} if model.off else DROPPED if model.always else None
    if model.adaptive:
        return {"type": "adaptive", "display": "summarized"}
    return (_budget(effort, ask) if model.budget else None) or DROPPED


def effort_of_effort(effort: Any, ask: Ask) -> str | None:
    """`reasoning_effort` as the highest effort the model takes that is not above it."""
    efforts = model_of(ask.model).efforts
    if effort == "none" or not efforts:
        return None
    effort = "low" if effort == "minimal" else effort
    if effort not in LEVELS:
        return str(effort)
    return [level for level in efforts if LEVELS.index(level) <= LEVELS.index(effort)][-1]


def _budget(effort: Any, ask: Ask) -> JSON | None:
    """Thinking with a budget, where the call allows it: Anthropic refuses it with a forced tool, with a
    limit too small for it, and after a turn that called tools and lost its thinking."""
    asked = BUDGETS.get(effort, 0) if isinstance(effort, str) else 0
    budget = min(asked, limit_of(ask) - 1)
    if budget < SMALLEST_BUDGET or _has_forced_tool(ask) or _lost_thinking(ask):
        return None
    return {"type": "enabled", "budget_tokens": budget}


def _has_forced_tool(ask: Ask) -> bool:
    choice = ask.body.get("tool_choice")
    forced = choice is not None and choice not in ("auto", "none") and choice != {"type": "auto"}
    return forced or json_tool.is_used(ask)


def _lost_thinking(ask: Ask) -> bool:
    spoken = [
        m for m in ask.body.get("messages") or () if isinstance(m, dict) and m.get("role") == "assistant"
    ]
    return bool(spoken) and bool(spoken[-1].get("tool_calls")) and not spoken[-1].get("content_blocks")


def limit_of(ask: Ask) -> int:
    """The most tokens the answer may have: the client's limit, else the model's."""
    limit = ask.body.get("max_completion_tokens")
    limit = ask.body.get("max_tokens") if limit is None else limit
    return limit if isinstance(limit, int) else model_of(ask.model).output


def render_sampling(value: Any, ask: Ask) -> Any:
    """temperature, top_p and top_k, where the model and the API version take them."""
    model = model_of(ask.model)
    if not model.sampling or ask.headers.get("anthropic-version", "") >= WITHOUT_SAMPLING:
        return DROPPED
    return DROPPED if _thinks_by_effort(model, ask) else value


def render_top_p(top_p: Any, ask: Ask) -> Any:
    """top_p, unless the model would refuse it beside the call's temperature."""
    if model_of(ask.model).one_sampler and ask.body.get("temperature") is not None:
        return DROPPED
    return render_sampling(top_p, ask)


def _thinks_by_effort(model: Model, ask: Ask) -> bool:
    """Whether we turned an effort into thinking, beside which Anthropic takes no sampling."""
    effort = ask.body.get("reasoning_effort")
    if effort in (None, "none"):
        return False
    return isinstance(thinking_of_effort(effort, ask), dict)
