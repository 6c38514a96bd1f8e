"""A dry run says of any tree what a call would do: its targets, their chances, and what is refused."""

import html
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import creation, dry_run
from configs.compiling import compiled
from configs.conditions import Facts
from configs.creation import create_config
from configs.dry_call import Call
from configs.dry_run import Refusal
from configs.models import Config
from configs.tree import Target, Tree
from keys.creation import create_virtual_key
from keys.models import VirtualKey, Workspace
from providers.catalog import PROVIDERS
from proxy.errors import InvalidRequest
from proxy.routing import Asking, Draw, walk
from tests.test_chat import ANSWER, ANTHROPIC, OPENAI
from tests.test_chat import PATH as CHAT
from tests.test_configs_admin import admin  # noqa: F401 - a fixture
from tests.test_configs_calls import MESSAGE

EMBEDDED = {"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
THERE = "https://api.openai.com/v1"
ANSWERS = {
    OPENAI: ANSWER,
    ANTHROPIC: MESSAGE,
    f"{THERE}/embeddings": EMBEDDED,
    f"{THERE}/moderations": {},
    f"{THERE}/files": {},
}

QUERIES: list[dict[str, Any]] = [
    {},
    {"metadata.a": "1"},
    {"metadata.a": {"$ne": "1"}},
    {"params.n": {"$gt": 1}},
    {"$or": [{"metadata.a": "2"}, {"params.n": 0}]},
    {"url.pathname": {"$regex": "chat"}},
    {"params.n": {"$like": 1}},
]
NAMES = ["a", "b", "c", "nobody"]
leaves = st.just({"provider": "@x"})


def strategies(targets: Any) -> Any:
    below = st.lists(targets, min_size=1, max_size=3)
    conditions = st.lists(
        st.fixed_dictionaries({"query": st.sampled_from(QUERIES), "then": st.sampled_from(NAMES)}), max_size=3
    )
    modes = st.one_of(
        st.fixed_dictionaries({"mode": st.sampled_from(["single", "fallback"])}),
        st.fixed_dictionaries(
            {"mode": st.just("loadbalance")}, optional={"sticky": st.just({"enabled": True})}
        ),
        st.fixed_dictionaries(
            {"mode": st.just("conditional"), "conditions": conditions},
            optional={"default": st.sampled_from(NAMES)},
        ),
    )
    return st.builds(node, modes, below, st.lists(st.integers(0, 3), min_size=3, max_size=3))


def node(strategy: dict[str, Any], targets: list[dict[str, Any]], weights: list[int]) -> dict[str, Any]:
    weights = weights if any(weights[: len(targets)]) else [1, 1, 1]
    named = [
        {**target, "name": name, "weight": weight}
        for target, name, weight in zip(targets, NAMES, weights, strict=False)
    ]
    return {"strategy": strategy, "targets": named}


trees = st.recursive(leaves, strategies, max_leaves=12)
facts = st.builds(
    Facts,
    st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"])),
    st.fixed_dictionaries({"model": st.just("m")}, optional={"n": st.sampled_from([0, 1, 2])}),
    st.sampled_from(["/v1/chat/completions", "/v1/embeddings"]),
)


def paths(tree: Tree) -> list[str]:
    def below(node: Any) -> list[str]:
        if isinstance(node, Target):
            return [node.path]
        return [path for target in node.targets for path in below(target)]

    return below(tree.root)


def first(tree: Tree, asked: Facts, opened: frozenset[str], chance: float) -> str:
    """The target that a call asks first, or why it asks none."""

    def is_open(target: Target) -> bool:
        return target.path in opened

    walked = walk(tree.root, Asking(lambda: asked, is_open, lambda: chance))
    try:
        told = next(walked)
        while isinstance(told, Draw):
            index, _ = next(each for each in told.among if each[1])
            told = walked.send(index)
    except InvalidRequest as error:
        return str(error)
    return told.path


@given(config=trees, asked=facts, chance=st.floats(0, 0.999))
@settings(max_examples=400, deadline=None)
def test_what_a_call_does_is_what_the_dry_run_said(config: Any, asked: Facts, chance: float) -> None:
    tree = compiled(json.dumps(config))
    run = dry_run.run(tree, Call(asked))
    taken = first(tree, asked, frozenset(), chance)
    assert taken in {*run.shares, *(refusal.message for refusal in run.refusals)}
    shares = [*run.shares.values(), *(refusal.share for refusal in run.refusals)]
    assert sum(shares) == pytest.approx(1)
    assert all(share > 0 for share in shares)


@given(config=trees, asked=facts, number=st.integers(0, 7), chance=st.floats(0, 0.999))
@settings(max_examples=200, deadline=None)
def test_also_where_breakers_are_open(config: Any, asked: Facts, number: int, chance: float) -> None:
    """Under one strategy for all, whose breaker holds for what is below it but for conditions."""
    rule = {"failure_threshold": 1, "cooldown_interval": 30_000}
    whole = {"strategy": {"mode": "fallback", "cb_config": rule}, "targets": [config, {"provider": "@y"}]}
    tree = compiled(json.dumps(whole))
    broken = [path for path in paths(tree) if rule_of(tree, path)]
    opened = frozenset(path for place, path in enumerate(broken) if number >> (place % 3) & 1)
    run = dry_run.run(tree, Call(asked), opened)
    taken = first(tree, asked, opened, chance)
    assert taken in {*run.shares, *(refusal.message for refusal in run.refusals)}


def rule_of(tree: Tree, path: str) -> bool:
    """Whether the target at this path has a breaker."""

    def below(node: Any) -> list[Target]:
        if isinstance(node, Target):
            return [node]
        return [target for each in node.targets for target in below(each)]

    return any(target.breaker for target in below(tree.root) if target.path == path)


# What is put to the dry run and to the gateway alike.

MODEL = {"model": "gpt-4o-mini"}
OPEN, CLAUDE, LATE, CLOSED = ({"provider": f"@{slug}"} for slug in ("openai", "claude", "late", "closed"))
OF_THEIRS = {"provider": "openai", "api_key": "sk-theirs-0123456789"}
RETRY = {"retry": {"attempts": 1}}
EMBED = "/v1/embeddings"
BY_PATH = {
    "strategy": {
        "mode": "conditional",
        "conditions": [{"query": {"url.pathname": EMBED}, "then": "a"}],
        "default": "b",
    },
    "targets": [{"name": "a", **OPEN}, {"name": "b", **OPEN}],
}
BALANCED = {"strategy": {"mode": "loadbalance"}, "targets": [RETRY | {"passthrough": True}]}


def falling(*targets: Any, codes: list[int] | None = None, **more: Any) -> dict[str, Any]:
    strategy = {"mode": "fallback"} | ({} if codes is None else {"on_status_codes": codes})
    return {"strategy": strategy, "targets": list(targets), **more}


def model(name: str) -> dict[str, str]:
    return {"model": name}


CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (OPEN, MODEL, CHAT),
    # Whom the request names.
    (OPEN, model("@nope/x"), CHAT),
    (OPEN, model("@claude/claude"), CHAT),
    (OPEN, model("@claude"), CHAT),
    (OPEN, model("@cf/meta/llama"), CHAT),
    (RETRY, MODEL, CHAT),
    (RETRY, model("@claude/claude-haiku-4-5"), CHAT),
    (RETRY, model("@nope/claude-haiku-4-5"), CHAT),
    (RETRY, model("@claude/a/b"), CHAT),
    (RETRY, MODEL, f"{CHAT}?model=@claude/x"),
    (OPEN, MODEL, f"{CHAT}?model=@nope/x"),
    ({**RETRY, "custom_host": "https://llm.example.com/v1"}, model("@openai/x"), CHAT),
    (RETRY, {"input": "x"}, "/v1/moderations?model=@openai/omni"),
    (falling({"passthrough": True}, OPEN), MODEL, CHAT),
    (falling({"passthrough": True}, OPEN, codes=[429]), MODEL, CHAT),
    (falling(BALANCED, CLAUDE, codes=[400]), MODEL, CHAT),
    (falling({"passthrough": True}, OPEN), model("@claude/claude-haiku-4-5"), CHAT),
    (falling(OPEN, {"passthrough": True}), model("@nope/x"), CHAT),
    ({"provider": "@openai/gpt-4o"}, MODEL, CHAT),
    ({"virtual_key": "openai/gpt-4o"}, MODEL, CHAT),
    (falling({"virtual_key": "gone"}, OPEN, {"virtual_key": "lost"}), MODEL, CHAT),
    (falling({"strategy": {"mode": "single"}, "targets": [{"virtual_key": "gone"}]}), MODEL, CHAT),
    # The model.
    (OPEN, {}, CHAT),
    (OPEN, model("portkey-default"), CHAT),
    (OPEN, {"model": None}, CHAT),
    (OPEN, {"model": 7}, CHAT),
    (OPEN, model(""), CHAT),
    ({**OPEN, "override_params": MODEL}, {}, CHAT),
    ({**OPEN, "override_params": model("@claude/gpt-4o")}, {}, CHAT),
    ({"override_params": model("@claude/haiku")}, MODEL, CHAT),
    ({**OPEN, "override_params": model("")}, MODEL, CHAT),
    ({**OPEN, "override_params": {"model": 7}}, {}, CHAT),
    ({**OPEN, "default_params": model("gpt-5")}, model("portkey-default"), CHAT),
    ({**OPEN, "default_params": model("gpt-5")}, MODEL, CHAT),
    ({**OPEN, "drop_params": ["model"]}, MODEL, CHAT),
    ({**OPEN, "drop_params": ["model"]}, model("@claude/x"), CHAT),
    ({**OPEN, "drop_params": ["model"], "override_params": model("gpt-5")}, MODEL, CHAT),
    ({**OPEN, "drop_params": ["model"], "override_params": model("gpt-5")}, {}, CHAT),
    ({**OPEN, "drop_params": ["model"]}, {**MODEL, "input": "x"}, "/v1/moderations"),
    ({**OPEN, "drop_params": ["model"]}, {"model": "@claude/omni", "input": "x"}, "/v1/moderations"),
    (OPEN, {"input": "x"}, "/v1/moderations"),
    (OPEN, {"model": "@claude/omni", "input": "x"}, "/v1/moderations"),
    (falling(OPEN, {**CLAUDE, "default_params": MODEL}), {}, CHAT),
    # The path.
    (BY_PATH, {**MODEL, "input": "x"}, EMBED),
    (BY_PATH, {**MODEL, "input": "x"}, f"{EMBED}?x=1"),
    (BY_PATH, {**MODEL, "input": "x"}, "/v1//embeddings"),
    (BY_PATH, {**MODEL, "input": "x"}, "/v1/%65mbeddings"),
    (OPEN, MODEL, "/v1/v1/chat/completions"),
    (falling(OPEN, OPEN), {}, "/v1/files"),
    (falling(OPEN), {}, "/v1/files"),
    (falling(OPEN, OPEN), {}, "/v1/fine_tuning/jobs"),
    (falling(OPEN, OPEN), {**MODEL, "input": "x"}, "/v1/moderations"),
    # Targets that cannot be asked.
    (falling({"targets": [], **RETRY}, OPEN), MODEL, CHAT),
    (falling({"targets": [], **RETRY}, OPEN, codes=[500]), MODEL, CHAT),
    (CLAUDE, {**MODEL, "input": "x"}, EMBED),
    (falling(CLAUDE, OPEN), {**MODEL, "input": "x"}, EMBED),
    (falling(OPEN, CLAUDE), {**MODEL, "input": "x"}, EMBED),
    (OF_THEIRS, MODEL, CHAT),
    ({"provider": "openai", **RETRY}, MODEL, CHAT),
    (falling({"provider": "openai", **RETRY}, OPEN), MODEL, CHAT),
    (falling({"provider": "openai", **RETRY}, OPEN, codes=[429]), MODEL, CHAT),
    (falling({"provider": "openai", **RETRY}, {"provider": "anthropic", **RETRY}), MODEL, CHAT),
    ({**OF_THEIRS, "override_params": model("")}, MODEL, CHAT),
    (LATE, MODEL, CHAT),
    (falling(LATE, OPEN), MODEL, CHAT),
    (falling(LATE, OPEN, codes=[500]), MODEL, CHAT),
    (CLOSED, MODEL, CHAT),
    (CLOSED, {"input": "x"}, "/v1/moderations"),
    (falling(CLOSED, OPEN, codes=[403]), {"input": "x"}, "/v1/moderations"),
    (falling({**BY_PATH, "strategy": {"mode": "conditional", "conditions": []}}, OPEN), MODEL, CHAT),
]

Told = tuple[int, str, str, str]  # the status; the path, whom and for which model, or the words of a refusal


@pytest.fixture
def workspace_of_both(workspace: Workspace, virtual_key: VirtualKey, monkeypatch: Any) -> Workspace:
    """With four virtual keys, and with configs that could not be saved today."""
    monkeypatch.setattr(creation, "checked", lambda text: text)
    create_virtual_key(workspace, "Claude", provider="anthropic", slug="claude", secret="sk-ant-of-the-tests")
    for slug, more in {
        "late": {"expires_at": timezone.now() - timedelta(days=1)},
        "closed": {"allow_passthrough": False},
    }.items():
        create_virtual_key(workspace, slug, provider="openai", slug=slug, secret="sk-of-the-tests")
        VirtualKey.objects.filter(slug=slug).update(**more)
    return workspace


def run_dry(staff: Client, config: Config, body: Any, path: str) -> Told:
    told = {"path": path, "metadata": "", "body": json.dumps(body)}
    answer = staff.post(f"/admin/configs/config/{config.pk}/try/", told)
    run, text = answer.context["run"], " ".join(html.unescape(answer.content.decode()).split())
    if run.forbidden:
        assert f"400 {' '.join(run.forbidden.split())}" in text
        return 400, run.forbidden, "", ""
    (only,) = [*run.firsts, *run.refusals]
    if isinstance(only, Refusal):
        assert f"refused with {only.status} at" in text
        return only.status, only.message, "", ""
    return 200, only.target.path, only.words, only.model


def run_really(client: Client, token: str, config: Config, body: Any, path: str, seen: Any) -> Told:
    headers = {"x-portkey-api-key": token, "x-portkey-config": config.slug}
    answer = client.post(path, json.dumps(body), content_type="application/json", headers=headers)
    provider, rows = seen
    if answer.status_code != 200:
        assert len(provider.calls) == 0
        told = answer.json()
        return answer.status_code, told.get("message") or told["error"]["message"], "", ""
    (row,), request = rows(), provider.calls[-1].request
    key, sent = row["virtual_key"], {**request.params, **json.loads(request.body)}
    whom = f"@{key}" if key else PROVIDERS[row["provider"]].name
    return 200, answer.headers["x-portkey-last-used-option-index"], whom, sent.get("model", "")


@pytest.mark.django_db
@pytest.mark.parametrize(("config", "body", "path"), CASES)
def test_the_gateway_does_what_the_dry_run_says(
    config: Any,
    body: Any,
    path: str,
    workspace_of_both: Workspace,
    admin: Client,  # noqa: F811
    client: Client,
    token: str,
    provider: Any,
    rows: Any,
) -> None:
    saved = create_config(workspace_of_both, "Both", json.dumps(config))
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, **body}
    for url, answer in ANSWERS.items():
        provider.post(url, json=answer)
    said = run_dry(admin, saved, body, path)
    assert said == run_really(client, token, saved, body, path, (provider, rows))


def test_what_a_target_that_cannot_be_asked_leaves_is_told_as_a_step() -> None:
    config = falling({"provider": "openai", **RETRY}, {"passthrough": True}, OPEN, CLAUDE)
    run = dry_run.run(compiled(json.dumps(config)), Call(Facts({}, MODEL, CHAT)))
    (first,) = run.firsts
    assert (first.target.path, first.words) == ("config.targets[2]", "@openai")
    assert [step.path for step in run.steps] == ["config", "config.targets[0]", "config.targets[1]"]
    assert run.steps[1].words.startswith("refused with 401, so the next is asked: openai error:")
    assert first.next[0].startswith("@claude (config.targets[3]), if")


def test_who_follows_and_cannot_be_asked_is_told_to_be_so() -> None:
    config = falling(OPEN, {"provider": "openai", **RETRY}, {"targets": [], **RETRY})
    run = dry_run.run(compiled(json.dumps(config)), Call(Facts({}, MODEL, CHAT)))
    told = run.firsts[0].next
    assert told[0].startswith(
        "OpenAI (config.targets[1]), refused with 401: openai error: openai needs a key"
    )
    assert "refused with 500: Provider  not found, if" in told[1]


def test_conditions_that_take_too_long_are_refused() -> None:
    run = dry_run.run(compiled(json.dumps(BY_PATH)), Call(Facts({}, MODEL, CHAT, most=0)))
    (refusal,) = run.refusals
    assert refusal.message == "The conditions of the query router take too long for this request"


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/configs", "/v1/configs/pc-x?a=b"])
@pytest.mark.django_db
def test_a_path_that_follows_no_config_is_no_dry_run(
    path: str,
    admin: Client,  # noqa: F811
    workspace: Workspace,
) -> None:
    saved = create_config(workspace, "One", json.dumps(OPEN))
    told = {"path": path, "metadata": "", "body": json.dumps(MODEL)}
    answer = admin.post(f"/admin/configs/config/{saved.pk}/try/", told)
    assert answer.context["run"] is None
    assert answer.context["form"].errors["path"]
