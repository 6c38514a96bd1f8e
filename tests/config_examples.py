"""Configs in the shapes of Portkey's documentation, what is asked with each, and what must come of it.

https://portkey.ai/docs/product/ai-gateway: fallbacks, load balancing, canary testing, conditional routing,
automatic retries, request timeouts, configs; and the guide on combining strategies. Models of the sandbox
whose names say so fail in the place of a provider that is down. tests/test_sdk_configs.py plays them all,
through the SDKs for Python and Node.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.asks import MODEL

OPEN, CLAUDE, OWN = "@openai-sandbox", "@anthropic-sandbox", "@openai-own"
DOWN, LIMITED, BUSY = "sandbox-status-503", "sandbox-status-429", "sandbox-status-429-retry-after-0"
BAD, SLOW = "sandbox-status-400", "sandbox-delay-3"
RECOVERING, TELLING = "own-recovering", "own-telling"  # what tests/test_sdk_configs.py teaches a provider
PATIENT = 30_000  # ms that nothing here takes
SHORT = 150  # ms that SLOW takes at least

JSON = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """`tries`: the targets asked, in order, each with its status; "1.0" is `config.targets[1].targets[0]`.

    `body` is what a call says besides, `told` what the client is told besides, in Python's words. `sent` is
    what reaches the provider among other things, None for what must not; it takes a `said` of ECHO.
    """

    config: JSON
    tries: tuple[tuple[str, int], ...] = (("", 200),)
    provider: str = "openai"
    retries: int = 0
    said: str = "Hello"
    body: JSON = field(default_factory=dict)
    told: JSON = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    answer: str = "Hello"
    finish: str = ""
    sent: JSON = field(default_factory=dict)
    breaks: bool = False  # a stream that fails when it is under way

    @property
    def status(self) -> int:
        return self.tries[-1][1]

    @property
    def index(self) -> str:
        return path(self.tries[-1][0])

    @property
    def mode(self) -> str:
        return str(self.config.get("strategy", {"mode": "single"})["mode"])

    @property
    def attempts(self) -> list[tuple[str, int, str]]:
        """As they stand on record: path, status, why it was left."""
        followers = [*(place for place, _ in self.tries[1:]), None]
        return [
            (path(place), status, why(place, then))
            for (place, status), then in zip(self.tries, followers, strict=True)
        ]

    @property
    def is_rescued(self) -> bool:
        return self.status == 200 and len(self.tries) > 1 and not self.breaks


def path(place: str) -> str:
    return "config" + "".join(f".targets[{index}]" for index in place.split(".") if index)


def why(place: str, then: str | None) -> str:
    if then is None:
        return ""
    return "retried" if place == then else "fell back"


def model(slug: str, of: str = MODEL, /, **more: Any) -> JSON:
    """A target that names key and model at once."""
    return {"override_params": {"model": f"{slug}/{of}"}, **more}


def key(slug: str, **more: Any) -> JSON:
    return {"provider": slug, **more}


def fallback(*targets: JSON, codes: list[int] | None = None, **more: Any) -> JSON:
    strategy = {"mode": "fallback"} | ({} if codes is None else {"on_status_codes": codes})
    return {"strategy": strategy, "targets": list(targets), **more}


def balance(*targets: JSON, **more: Any) -> JSON:
    return {"strategy": {"mode": "loadbalance"}, "targets": list(targets), **more}


def route(*conditions: tuple[JSON, str], default: str, targets: list[JSON], **more: Any) -> JSON:
    told = [{"query": query, "then": then} for query, then in conditions]
    strategy = {"mode": "conditional", "conditions": told, "default": default}
    return {"strategy": strategy, "targets": targets, **more}


CREDENTIALS = {
    "a provider, with settings": Example(
        key(OPEN, cache={"mode": "simple"}, retry={"attempts": 5, "on_status_codes": []}),
        (("", 500),),
        said="[[status 500]]",
        answer="",
    ),
    "a virtual key by its older name": Example({"virtual_key": "anthropic-sandbox"}, provider="anthropic"),
    "single": Example({"strategy": {"mode": "single"}, "targets": [key(CLAUDE)]}, (("0", 200),), "anthropic"),
    "settings for whom the call names": Example(
        {"retry": {"attempts": 3, "on_status_codes": [429]}}, body={"model": f"{OPEN}/{MODEL}"}
    ),
    "settings for whom the client names": Example(
        {"request_timeout": PATIENT}, provider="anthropic", told={"virtual_key": "anthropic-sandbox"}
    ),
    "the config wins over the client": Example(
        key(CLAUDE), provider="anthropic", told={"provider": OPEN}, body={"model": f"{OPEN}/{MODEL}"}
    ),
    "spelled as in JavaScript": Example(
        {"virtualKey": "openai-sandbox", "requestTimeout": SHORT, "overrideParams": {"model": SLOW}},
        (("", 408),),
        answer=f"Request exceeded the timeout sent in the request: {SHORT}ms",
    ),
}

FALLBACKS = {
    "fallback between models": Example(
        fallback(model(OPEN, DOWN), model(CLAUDE)), (("0", 503), ("1", 200)), "anthropic"
    ),
    "fallback where none is needed": Example(fallback(key(OPEN), key(CLAUDE)), (("0", 200),)),
    "fallback where all fail": Example(
        fallback(key(OPEN), key(CLAUDE)),
        (("0", 500), ("1", 500)),
        "anthropic",
        said="[[status 500]]",
        answer="",
    ),
    "fallback on a rate limit only": Example(
        fallback(model(OPEN, LIMITED), key(CLAUDE), codes=[429]), (("0", 429), ("1", 200)), "anthropic"
    ),
    "no fallback on what is not listed": Example(
        fallback(model(OPEN, DOWN), key(CLAUDE), codes=[429]), (("0", 503),), answer=""
    ),
    "fallback on any that is not 2xx": Example(
        fallback(model(OPEN, BAD), key(CLAUDE)), (("0", 400), ("1", 200)), "anthropic"
    ),
    "no fallback where none is listed": Example(
        fallback(model(OPEN, DOWN), key(CLAUDE), codes=[]), (("0", 503),), answer=""
    ),
    "fallback of several tiers": Example(
        fallback(model(OPEN, DOWN), model(CLAUDE, LIMITED), model(OPEN)),
        (("0", 503), ("1", 429), ("2", 200)),
    ),
    "a target that passes the choice on": Example(
        fallback({"passthrough": True, "override_params": {"model": DOWN}}, key(CLAUDE)),
        (("0", 503), ("1", 200)),
        "anthropic",
        told={"provider": OPEN},
    ),
    "a choice that the model tells": Example(
        fallback({"passthrough": True, "override_params": {"model": DOWN}}, key(CLAUDE)),
        (("0", 503), ("1", 200)),
        "anthropic",
        body={"model": f"{OPEN}/{MODEL}"},
    ),
}

RETRIES = {
    "retry after the provider's own wait": Example(
        model(OPEN, BUSY, retry={"attempts": 3, "on_status_codes": [429], "use_retry_after_headers": True}),
        (("", 429),) * 4,
        retries=-1,
        answer="",
    ),
    "retry that helps": Example(
        model(
            OWN, RECOVERING, retry={"attempts": 3, "on_status_codes": [429], "use_retry_after_header": True}
        ),
        (("", 429), ("", 200)),
        retries=1,
    ),
    "retry of other statuses only": Example(
        model(OPEN, BAD, retry={"attempts": 3, "on_status_codes": [429, 503]}), (("", 400),), answer=""
    ),
    "each target's own retries first": Example(
        fallback(model(OPEN, BUSY, retry={"attempts": 2, "use_retry_after_headers": True}), key(CLAUDE)),
        (("0", 429), ("0", 429), ("0", 429), ("1", 200)),
        "anthropic",
    ),
    "retry of all targets": Example(
        fallback(
            model(OPEN, BUSY), model(CLAUDE, BUSY), retry={"attempts": 1, "use_retry_after_headers": True}
        ),
        (("0", 429), ("0", 429), ("1", 429), ("1", 429)),
        "anthropic",
        retries=-1,
        answer="",
    ),
}

EXCEEDED = f"Request exceeded the timeout sent in the request: {SHORT}ms"
TIMEOUTS = {
    "a time for every target": Example(
        fallback(model(OPEN, SLOW), model(CLAUDE, SLOW), request_timeout=SHORT),
        (("0", 408), ("1", 408)),
        "anthropic",
        answer=EXCEEDED,
    ),
    "a time for each target": Example(
        fallback(model(OPEN, SLOW, request_timeout=SHORT), key(CLAUDE, request_timeout=PATIENT), codes=[408]),
        (("0", 408), ("1", 200)),
        "anthropic",
    ),
    "times of nested targets": Example(
        balance(
            fallback(
                model(OPEN, SLOW),
                model(OPEN, "sandbox-delay-0.4", request_timeout=PATIENT),
                request_timeout=SHORT,
                weight=1,
            ),
            key(CLAUDE, weight=0),
            request_timeout=PATIENT,
        ),
        (("0.0", 408), ("0.1", 200)),
    ),
    "the client's time instead": Example(
        key(OPEN, request_timeout=PATIENT),
        (("", 408),),
        body={"model": SLOW},
        told={"request_timeout": SHORT},
        answer=EXCEEDED,
    ),
    "retry after a time-out": Example(
        model(OPEN, SLOW, request_timeout=SHORT, retry={"attempts": 1, "on_status_codes": [408]}),
        (("", 408), ("", 408)),  # with the back-off between them: a second
        retries=-1,
        answer=EXCEEDED,
    ),
}

BALANCES = {
    "weights that leave one target": Example(
        balance(key(OPEN, weight=0), key(CLAUDE, weight=0.3)), (("1", 200),), "anthropic"
    ),
    "balancing asks one target only": Example(
        balance(model(OPEN, DOWN, weight=1), key(CLAUDE, weight=0)), (("0", 503),), answer=""
    ),
}


def routes(about: str, config: JSON, *cases: tuple[JSON, str, str]) -> Iterator[tuple[str, Example]]:
    """Examples of one config: what is told and said, which target it takes, and its provider.

    What begins with `params.` goes into the body, everything else into the metadata.
    """
    for given, place, provider in cases:
        body = {name[7:]: value for name, value in given.items() if name.startswith("params.")}
        metadata = {name: value for name, value in given.items() if not name.startswith("params.")}
        told = {"metadata": metadata} if metadata else {}
        names = ", ".join(f"{name} {value!r}" for name, value in given.items()) or "nothing"
        yield f"{about}: {names}", Example(config, ((place, 200),), provider, body=body, told=told)


TWO = [model(CLAUDE, name="premium"), model(OPEN, name="basic")]
PLANS = route(
    ({"metadata.user_plan": {"$eq": "paid"}}, "premium"),
    ({"metadata.user_plan": {"$eq": "free"}}, "basic"),
    default="basic",
    targets=TWO,
)
ALIASES = route(
    ({"params.model": {"$eq": "fastest"}}, "fast"),
    ({"params.model": {"$eq": "smartest"}}, "smart"),
    default="fast",
    targets=[
        {"name": "smart", **key(CLAUDE), "override_params": {"model": "claude-sonnet-4-5"}},
        {"name": "fast", **key(OPEN), "override_params": {"model": "gpt-4o-mini"}},
    ],
)
APPS = route(
    ({"$and": [{"metadata.user_type": {"$eq": "pro"}}, {"metadata.user_tier": {"$eq": "tier-1"}}]}, "first"),
    ({"$or": [{"metadata.client": {"$eq": "UI"}}, {"metadata.app_name": {"$regex": "my_app"}}]}, "app"),
    default="rest",
    targets=[key(OPEN, name="first"), key(CLAUDE, name="app"), key(OPEN, name="rest")],
)
MIXED = route(
    (
        {
            "$or": [
                {"$and": [{"metadata.user_type": {"$eq": "pro"}}, {"params.model": {"$eq": "gpt-4o"}}]},
                {"params.max_tokens": {"$gt": 1000}},
            ]
        },
        "premium",
    ),
    default="basic",
    targets=TWO,
)
CREATIVE = route(
    ({"params.temperature": {"$gte": 0.7}}, "creative"),
    ({"params.temperature": {"$lt": 0.3}}, "factual"),
    default="balanced",
    targets=[key(CLAUDE, name="creative"), key(OPEN, name="factual"), key(OPEN, name="balanced")],
)
SENSITIVE = route(
    ({"metadata.sensitivity": {"$eq": "high"}}, "here"),
    ({"metadata.sensitivity": {"$in": ["medium", "low"]}}, "cloud"),
    default="public",
    targets=[key(OPEN, name="public"), key(CLAUDE, name="here"), key(OPEN, name="cloud")],
)


def only(query: JSON) -> JSON:
    """The second target where the query holds, else the first."""
    return route((query, "yes"), default="no", targets=[key(OPEN, name="no"), key(CLAUDE, name="yes")])


NO, YES = ("0", "openai"), ("1", "anthropic")
CONDITIONS = dict(
    (
        *routes(
            "plans",
            PLANS,
            ({"user_plan": "paid"}, "0", "anthropic"),
            ({"user_plan": "free"}, "1", "openai"),
            ({"user_plan": "unheard of"}, "1", "openai"),
            ({}, "1", "openai"),
        ),
        *routes(
            "aliases",
            ALIASES,
            ({"params.model": "smartest"}, "0", "anthropic"),
            ({"params.model": "fastest"}, "1", "openai"),
            ({"params.model": "other"}, "1", "openai"),
        ),
        *routes(
            "$and, $or and $regex",
            APPS,
            ({"user_type": "pro", "user_tier": "tier-1", "client": "UI"}, "0", "openai"),
            ({"user_type": "pro", "client": "UI"}, "1", "anthropic"),
            ({"app_name": "in my_app 2"}, "1", "anthropic"),
            ({"app_name": "My_App"}, "2", "openai"),
        ),
        *routes(
            "groups in groups",
            MIXED,
            ({"user_type": "pro", "params.model": "gpt-4o"}, "0", "anthropic"),
            ({"user_type": "pro"}, "1", "openai"),
            ({"params.max_tokens": 1001}, "0", "anthropic"),
            ({"params.max_tokens": 1000}, "1", "openai"),
        ),
        *routes(
            "a parameter's size",
            CREATIVE,
            ({"params.temperature": 0.7}, "0", "anthropic"),
            ({"params.temperature": 0.5}, "2", "openai"),
            ({"params.temperature": 0.2}, "1", "openai"),
            ({}, "2", "openai"),
        ),
        *routes(
            "one of several",
            SENSITIVE,
            ({"sensitivity": "high"}, "1", "anthropic"),
            ({"sensitivity": "low"}, "2", "openai"),
            ({"sensitivity": "none"}, "0", "openai"),
        ),
        *routes(
            "$ne", only({"metadata.tier": {"$ne": "free"}}), ({"tier": "free"}, *NO), ({"tier": "a"}, *YES)
        ),
        *routes(
            "$nin", only({"metadata.tier": {"$nin": ["a"]}}), ({"tier": "a"}, *NO), ({"tier": "b"}, *YES)
        ),
        *routes(
            "$gt and $lte",
            only({"params.max_tokens": {"$gt": 10, "$lte": 20}}),
            ({"params.max_tokens": 10}, *NO),
            ({"params.max_tokens": 20}, *YES),
            ({"params.max_tokens": 21}, *NO),
        ),
        *routes(
            "a plain value", only({"params.seed": 7, "metadata.a": "b"}), ({"params.seed": 7, "a": "b"}, *YES)
        ),
        *routes(
            "a feature flag",
            only({"metadata.new_model_enabled": {"$eq": True}}),
            ({"new_model_enabled": True}, *YES),
            ({"new_model_enabled": False}, *NO),
            ({"new_model_enabled": "true"}, *NO),
        ),
        *routes("an address", only({"url.pathname": {"$regex": "/chat/completions$"}}), ({}, *YES)),
        *routes("another address", only({"url.pathname": {"$eq": "/v1/embeddings"}}), ({}, *NO)),
        *routes("one of none", only({"params.model": {"$nin": ["a"], "$in": []}}), ({}, *NO)),
    )
)

EACH_ITS_OWN = route(
    ({"params.model": {"$eq": "claude-sonnet"}}, "claude"),
    ({"params.model": {"$eq": "gpt-4o"}}, "gpt"),
    default="gpt",
    targets=[
        fallback(model(CLAUDE, DOWN), model(CLAUDE), codes=[429, 500, 502, 503, 504], name="claude"),
        fallback(model(OPEN, BAD), model(OPEN), codes=[429, 500, 502, 503, 504], name="gpt"),
    ],
)
BY_REGION = fallback(
    model(OPEN, DOWN),
    route(
        ({"metadata.user_region": {"$eq": "EU"}}, "eu"),
        default="us",
        targets=[model(CLAUDE, name="eu"), model(OPEN, name="us")],
    ),
)
FULL = route(
    ({"params.model": {"$eq": "claude-sonnet"}}, "claude"),
    ({"params.model": {"$eq": "gpt-4o"}}, "gpt"),
    ({"params.model": {"$eq": "gemini-2.5-pro"}}, "gemini"),
    default="gpt",
    targets=[
        balance(model(CLAUDE, weight=1), model(OPEN, weight=0), name="claude"),
        model(OPEN, name="gpt"),
        fallback(balance(model(OPEN, DOWN), model(OPEN, DOWN, weight=0)), model(CLAUDE), name="gemini"),
    ],
)
COMBINATIONS = {
    "each model its own fallback": Example(
        EACH_ITS_OWN, (("0.0", 503), ("0.1", 200)), "anthropic", body={"model": "claude-sonnet"}
    ),
    "a fallback of another branch": Example(
        EACH_ITS_OWN, (("1.0", 400),), body={"model": "gpt-4o"}, answer=""
    ),
    "a fallback that goes by the region": Example(
        BY_REGION, (("0", 503), ("1.0", 200)), "anthropic", told={"metadata": {"user_region": "EU"}}
    ),
    "a fallback that goes elsewhere": Example(BY_REGION, (("0", 503), ("1.1", 200))),
    "a cluster that is down": Example(
        fallback(balance(model(OPEN, DOWN), model(OPEN, DOWN, weight=0)), model(CLAUDE)),
        (("0.0", 503), ("1", 200)),
        "anthropic",
    ),
    "a slot with a fallback of its own": Example(
        balance(
            fallback(model(OPEN, DOWN), model(OPEN), weight=1),
            fallback(model(CLAUDE, DOWN), model(CLAUDE), weight=0),
        ),
        (("0.0", 503), ("0.1", 200)),
    ),
    "all together, balanced": Example(FULL, (("0.0", 200),), "anthropic", body={"model": "claude-sonnet"}),
    "all together, straight": Example(FULL, (("1", 200),), body={"model": "gpt-4o"}),
    "all together, nested twice": Example(
        FULL, (("2.0.0", 503), ("2.1", 200)), "anthropic", body={"model": "gemini-2.5-pro"}
    ),
}

ECHO = "[[echo]]"
SHAPED = {
    "default_params": {"temperature": 0.7, "max_tokens": 1024},
    "override_params": {"model": "gpt-4o"},
    "drop_params": ["logprobs", "tools[0].function.strict", "tools[*].function.description"],
}
TOOL = {"name": "f", "description": "A function", "strict": True, "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": TOOL}, {"type": "function", "function": TOOL}]
BARE = {name: value for name, value in TOOL.items() if name != "description"}
LEFT = [{name: value for name, value in BARE.items() if name != "strict"}, BARE]
PARAMETERS = {
    "default, override, drop": Example(
        fallback(key(OPEN, **SHAPED), model(CLAUDE)),
        (("0", 200),),
        said=ECHO,
        body={"temperature": 0.1, "logprobs": True, "tools": TOOLS, "tool_choice": "none"},
        answer="",
        sent={
            "temperature": 0.1,
            "max_tokens": 1024,
            "model": "gpt-4o",
            "logprobs": None,
            "tools": [{"type": "function", "function": each} for each in LEFT],
        },
    ),
    "siblings see nothing of it": Example(
        fallback(
            model(OPEN, DOWN, default_params={"seed": 1}),
            model(OPEN, "gpt-4o", drop_params=["top_p"]),
            override_params={"temperature": 0},
        ),
        (("0", 503), ("1", 200)),
        said=ECHO,
        body={"top_p": 0.5},
        answer="",
        sent={"temperature": 0, "seed": None, "top_p": None, "model": "gpt-4o"},
    ),
    "for another provider": Example(
        key(CLAUDE, override_params={"model": "claude-haiku-4-5", "max_tokens": 77}),
        provider="anthropic",
        said=ECHO,
        body={"max_tokens": 5},
        answer="",
        sent={"model": "claude-haiku-4-5", "max_tokens": 77},
    ),
    "headers that go on": Example(
        model(OWN, TELLING, forward_headers=["x-plan", "x-absent"]),
        headers={"x-plan": "high-quality", "x-other": "not named"},
        answer="high-quality",
    ),
    "strict, though the client is not": Example(
        key(CLAUDE, strict_open_ai_compliance=True),
        provider="anthropic",
        told={"strict_open_ai_compliance": False},
        finish="end_turn",
    ),
    "not strict, though the client is": Example(
        key(CLAUDE, strict_open_ai_compliance=False),
        provider="anthropic",
        told={"strict_open_ai_compliance": True},
        finish="end_turn",
    ),
    "strict": Example(
        key(CLAUDE, strict_open_ai_compliance=True),
        provider="anthropic",
        told={"strict_open_ai_compliance": True},
        finish="stop",
    ),
}

STREAM: JSON = {"stream": True}
STREAMS = {
    "a stream": Example(fallback(key(OPEN), key(CLAUDE)), (("0", 200),), body=STREAM, finish="stop"),
    "a stream that is refused": Example(
        fallback(model(OPEN, DOWN), key(CLAUDE)), (("0", 503), ("1", 200)), "anthropic", body=STREAM
    ),
    "a stream that fails before its first content": Example(
        fallback(model(OPEN, "sandbox-error-event-1"), model(CLAUDE)),
        (("0", 502), ("1", 200)),
        "anthropic",
        body=STREAM,
    ),
    "another's stream that fails before its first content": Example(
        fallback(model(CLAUDE, "sandbox-error-event-2"), model(OPEN)),
        (("0", 529), ("1", 200)),
        body=STREAM,
        finish="stop",
    ),
    "a stream that breaks before its first content": Example(
        fallback(model(OPEN, "sandbox-cut-1"), model(CLAUDE)),
        (("0", 500), ("1", 200)),
        "anthropic",
        body=STREAM,
    ),
    "a stream that fails later": Example(
        fallback(model(OPEN, "sandbox-error-event-3"), model(CLAUDE)),
        (("0", 200),),
        body=STREAM,
        breaks=True,
        answer="",
    ),
    "a stream that all refuse": Example(
        fallback(model(OPEN, DOWN), model(CLAUDE, LIMITED)),
        (("0", 503), ("1", 429)),
        "anthropic",
        body=STREAM,
        answer="",
    ),
    "a stream asked for again": Example(
        model(OPEN, BUSY, retry={"attempts": 1, "use_retry_after_headers": True}),
        (("", 429), ("", 429)),
        retries=-1,
        body=STREAM,
        answer="",
    ),
    "a stream in time": Example(
        fallback(model(OPEN, SLOW, request_timeout=SHORT), key(CLAUDE)),
        (("0", 408), ("1", 200)),
        "anthropic",
        body=STREAM,
    ),
}

EXAMPLES = (
    CREDENTIALS | FALLBACKS | RETRIES | TIMEOUTS | BALANCES | CONDITIONS | COMBINATIONS | PARAMETERS | STREAMS
)
