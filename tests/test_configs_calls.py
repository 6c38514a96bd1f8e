"""Calls that follow a config, inside the process: who is asked, what comes back, what is on record."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from keys.creation import create_virtual_key
from keys.models import ApiKey, VirtualKey, Workspace
from proxy import retrying
from tests.test_chat import ANSWER, ANTHROPIC, OPENAI, PATH

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Hello!"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 8, "output_tokens": 2},
}
STREAM = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
EVENTS = "text/event-stream"
OPEN, CLAUDE = {"virtual_key": "openai"}, {"provider": "@claude"}
HAIKU = {**CLAUDE, "override_params": {"model": "claude-haiku-4-5", "max_tokens": 64}}

Ask = Callable[..., Any]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, which nobody waits for."""
    waited: list[float] = []
    monkeypatch.setattr(retrying, "sleep", waited.append)
    return waited


@pytest.fixture
def ask(client: Client, token: str, workspace: Workspace, virtual_key: VirtualKey, rows: Any) -> Ask:
    """Ask with a config, as an app would; two virtual keys are there, `openai` and `claude`."""
    create_virtual_key(workspace, "Claude", provider="anthropic", slug="claude", secret="sk-ant-of-the-tests")

    def call(config: Any = None, body: Any = None, *, path: str = PATH, **headers: str) -> Any:
        asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]} | (body or {})
        sent = json.dumps({name: value for name, value in asked.items() if value is not None})
        named = {"x-portkey-api-key": token}
        if config is not None:
            named["x-portkey-config"] = config if isinstance(config, str) else json.dumps(config)
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        return client.post(path, sent, content_type="application/json", headers=named)

    return call


def fallback(*targets: Any, codes: list[int] | None = None, **more: Any) -> dict[str, Any]:
    strategy = {"mode": "fallback"} | ({} if codes is None else {"on_status_codes": codes})
    return {"strategy": strategy, "targets": list(targets), **more}


def told(answer: Any) -> tuple[str, str, str, str]:
    """What the five headers say, the trace apart."""
    names = ("last-used-option-index", "retry-attempt-count", "provider", "cache-status")
    return tuple(answer.headers.get(f"x-portkey-{name}") for name in names)  # type: ignore[return-value]


def tries(row: Any) -> list[tuple[str, int, str]]:
    return [(each["path"], each["status"], each["left"]) for each in row["attempts"]]


def test_the_second_target_answers_where_the_first_fails(ask, provider, rows, slept):
    """wire-examples §15: the first is asked twice, then the other in its own words."""
    provider.post(OPENAI, json={"error": {"message": "Slow down."}}, status=429)
    provider.post(ANTHROPIC, json=MESSAGE)
    config = fallback({**OPEN, "retry": {"attempts": 1}}, HAIKU, codes=[429, 500])
    answer = ask(config)
    assert answer.status_code == 200
    assert told(answer) == ("config.targets[1]", "0", "anthropic", "DISABLED")
    assert answer.json()["provider"] == "anthropic"
    assert slept == [1]
    sent = json.loads(provider.calls[2].request.body)
    assert (sent["model"], sent["max_tokens"]) == ("claude-haiku-4-5", 64)
    (row,) = rows()
    assert tries(row) == [
        ("config.targets[0]", 429, "retried"),
        ("config.targets[0]", 429, "fell back"),
        ("config.targets[1]", 200, ""),
    ]
    assert [each["retries"] for each in row["attempts"]] == [0, 1, 0]
    assert [each["waited_ms"] for each in row["attempts"]] == [0, 1000, 0]
    assert (row["rescued"], row["config"], row["mode"]) == (True, "inline", "fallback")
    assert (row["provider"], row["virtual_key"], row["option_index"]) == (
        "anthropic",
        "claude",
        "config.targets[1]",
    )


def test_a_status_that_is_not_listed_ends_it(ask, provider):
    provider.post(OPENAI, json={"error": {"message": "No."}}, status=400)
    answer = ask(fallback(OPEN, HAIKU, codes=[429, 500]))
    assert (answer.status_code, told(answer)[0]) == (400, "config.targets[0]")
    assert len(provider.calls) == 1


def test_where_all_fail_the_last_answer_is_the_clients(ask, provider, rows, slept):
    """wire-examples §16."""
    provider.post(OPENAI, json={"error": {"message": "Down."}}, status=503)
    provider.post(
        ANTHROPIC, json={"error": {"type": "overloaded_error", "message": "Overloaded"}}, status=503
    )
    answer = ask(fallback(OPEN, HAIKU, retry={"attempts": 2}))
    assert answer.status_code == 503
    assert told(answer) == ("config.targets[1]", "-1", "anthropic", "DISABLED")
    error = {
        "message": "anthropic error: Overloaded",
        "type": "overloaded_error",
        "param": None,
        "code": None,
    }
    assert answer.json() == {"error": error, "provider": "anthropic"}
    assert (len(provider.calls), slept) == (6, [1, 2, 1, 2])
    (row,) = rows()
    assert (row["outcome"], row["retry_count"], "rescued" in row) == ("failed", -1, False)


def test_a_retry_that_succeeds_is_counted(ask, provider, rows, slept):
    provider.post(OPENAI, json={}, status=500)
    provider.post(OPENAI, json={}, status=502)
    provider.post(OPENAI, json=ANSWER)
    answer = ask({**OPEN, "retry": {"attempts": 5}})
    assert (answer.status_code, told(answer)[:2], slept) == (200, ("config", "2"), [1, 2])
    assert rows()[0]["rescued"] is True


def test_a_provider_that_cannot_be_reached_is_asked_again(ask, provider, slept):
    provider.post(OPENAI, body=ConnectionRefusedError(111, "Connection refused"))
    provider.post(OPENAI, json=ANSWER)
    answer = ask({**OPEN, "retry": {"attempts": 1, "on_status_codes": [429]}})
    assert (answer.status_code, told(answer)[1]) == (200, "1")


def test_a_stream_that_fails_before_its_first_content_falls_back(ask, provider, rows):
    error = b'data: {"error":{"message":"Overloaded.","type":"server_error"}}\n\n'
    provider.post(OPENAI, body=error, content_type=EVENTS)
    provider.post(OPENAI, body=STREAM, content_type=EVENTS)
    answer = ask(fallback(OPEN, OPEN), {"stream": True})
    content = b"".join(answer.streaming_content)
    answer.close()
    assert (answer.status_code, told(answer)[0], content) == (200, "config.targets[1]", STREAM)
    (row,) = rows()
    assert (row["outcome"], row["rescued"]) == ("finished", True)


def test_a_stream_that_fails_after_it_does_not(ask, provider, rows):
    error = b'data: {"error":{"message":"Overloaded.","type":"server_error"}}\n\n'
    provider.post(OPENAI, body=STREAM[:90] + error, content_type=EVENTS)
    answer = ask(fallback(OPEN, OPEN), {"stream": True})
    b"".join(answer.streaming_content)
    answer.close()
    assert len(provider.calls) == 1
    assert rows()[0]["outcome"] == "failed"


def test_a_success_can_be_fallen_back_from(ask, provider, rows):
    provider.post(OPENAI, body=STREAM, content_type=EVENTS)
    provider.post(OPENAI, json={"error": {"message": "No."}}, status=418)
    answer = ask(fallback(OPEN, OPEN, codes=[200]), {"stream": True})
    assert (answer.status_code, told(answer)[0]) == (418, "config.targets[1]")
    assert [row["outcome"] for row in rows()] == ["failed"]


def test_a_target_called_with_a_key_of_the_config(ask, provider, rows):
    provider.post(OPENAI, json=ANSWER)
    answer = ask({"provider": "openai", "api_key": "sk-theirs-0123456789", "openai_project": "p-1"})
    sent = provider.calls[0].request.headers
    assert (answer.status_code, told(answer)[0]) == (200, "config")
    assert (sent["authorization"], sent["openai-project"]) == ("Bearer sk-theirs-0123456789", "p-1")
    assert "sk-theirs" not in str(rows())


def test_settings_are_laid_over_whom_the_request_names(ask, provider):
    provider.post(OPENAI, json=ANSWER)
    answer = ask(
        {"retry": {"attempts": 1}, "override_params": {"temperature": 0}}, x_portkey_virtual_key="openai"
    )
    assert (answer.status_code, told(answer)[:3]) == (200, ("config", "0", "openai"))
    assert json.loads(provider.calls[0].request.body)["temperature"] == 0


@pytest.mark.parametrize(
    "config", [{"provider": "openai", "api_key": "k" * 8_193}, {"retry": {"attempts": 0}}]
)
def test_a_key_of_a_clients_own_has_so_many_characters(ask, provider, config):
    """It is looked for in every answer, and in each of its spellings."""
    own = {"x_portkey_provider": "openai", "authorization": "Bearer " + "k" * 8_193}
    answer = ask(config, **own)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "A key for openai has at most 8192 characters, none of them half of a pair.",
    )


def test_a_config_that_names_somebody_is_not_led_elsewhere_by_the_request(ask, provider):
    provider.post(ANTHROPIC, json=MESSAGE)
    answer = ask(HAIKU, {"model": "@openai/gpt-4o-mini"}, x_portkey_virtual_key="openai")
    assert told(answer)[2] == "anthropic"


def test_a_bad_slug_in_the_model_is_taken_off_where_a_config_decides(ask, provider):
    provider.post(OPENAI, json=ANSWER)
    ask(OPEN, {"model": "@claude/gpt-4o-mini"})
    assert json.loads(provider.calls[0].request.body)["model"] == "gpt-4o-mini"


def test_the_model_of_an_override_can_name_the_key(ask, provider):
    provider.post(ANTHROPIC, json=MESSAGE)
    target = {"override_params": {"model": "@claude/claude-haiku-4-5"}}
    answer = ask(fallback(target, OPEN))
    assert told(answer)[2] == "anthropic"
    assert json.loads(provider.calls[0].request.body)["model"] == "claude-haiku-4-5"


def test_a_target_can_pass_the_choice_to_the_request(ask, provider):
    provider.post(ANTHROPIC, json=MESSAGE)
    provider.post(OPENAI, json=ANSWER)
    answer = ask(
        fallback({"passthrough": True, "retry": {"attempts": 0}}), {"model": "@claude/claude-haiku-4-5"}
    )
    assert told(answer) == ("config.targets[0]", "0", "anthropic", "DISABLED")


@pytest.mark.parametrize("model", [None, "", "portkey-default"])
@pytest.mark.parametrize("how", ["override_params", "default_params"])
def test_a_config_can_give_the_model(ask, provider, how, model):
    provider.post(OPENAI, json=ANSWER)
    if how == "default_params" and model == "":
        return  # the client did say something
    answer = ask({**OPEN, "retry": {"attempts": 1}, how: {"model": "gpt-5"}}, {"model": model})
    assert answer.status_code == 200
    assert json.loads(provider.calls[0].request.body)["model"] == "gpt-5"


def test_without_a_model_anywhere_nobody_is_asked(ask, provider):
    answer = ask(OPEN, {"model": None})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "No model was given: set `model` in the body.",
    )


def test_siblings_do_not_see_each_others_parameters(ask, provider):
    provider.post(OPENAI, json={}, status=500)
    provider.post(OPENAI, json=ANSWER)
    first = {**OPEN, "override_params": {"temperature": 1, "stop": "x"}, "drop_params": ["messages[0].name"]}
    ask(
        fallback(first, OPEN, override_params={"seed": 7}),
        {"messages": [{"role": "user", "content": "a", "name": "n"}]},
    )
    one, other = (json.loads(call.request.body) for call in provider.calls)
    assert (one["temperature"], one["seed"], one["messages"]) == (1, 7, [{"role": "user", "content": "a"}])
    assert ("temperature" in other, other["seed"], other["messages"][0]["name"]) == (False, 7, "n")


def test_an_override_can_switch_streaming_on(ask, provider):
    provider.post(OPENAI, body=STREAM, content_type=EVENTS)
    answer = ask({**OPEN, "override_params": {"stream": True}})
    assert b"".join(answer.streaming_content) == STREAM
    answer.close()


def test_conditions_read_what_the_client_sent(ask, provider):
    """wire-examples §19."""
    provider.post(ANTHROPIC, json=MESSAGE)
    conditions = [
        {"query": {"metadata.plan": {"$eq": "paid"}, "params.model": "gpt-4o-mini"}, "then": "big"},
    ]
    config = {
        "strategy": {"mode": "conditional", "conditions": conditions, "default": "small"},
        "targets": [{"name": "small", **OPEN}, {"name": "big", **HAIKU}],
        "override_params": {"model": "x"},
    }
    answer = ask(config, x_portkey_metadata='{"plan": "paid"}')
    assert told(answer)[:3] == ("config.targets[1]", "0", "anthropic")


@pytest.mark.parametrize(
    ("config", "status", "message"),
    [
        ("{", 400, "Invalid config passed. You need to pass a valid json"),
        ("null", 400, "Invalid config passed. You need to pass a valid json"),
        ("pc-unknown-123456", 400, "Invalid config id passed"),
        ({}, 400, "Either x-portkey-provider needs to be passed."),
        ([], 400, "Either x-portkey-provider needs to be passed."),
        (7, 400, "Either x-portkey-provider needs to be passed."),
        ({"retry": {"attempts": 1}}, 400, "Either x-portkey-provider needs to be passed."),
        ({"provider": "@gone"}, 400, "Following keys are not valid: gone"),
        (fallback({"virtual_key": "gone"}, OPEN, {"virtual_key": "lost"}), 400, "gone, lost"),
        ({**OPEN, "custom_host": "https://example.com"}, 400, "Invalid config passed"),
        (
            {"provider": "openai", "api_key": "k", "options": []},
            400,
            "This version of config is not supported",
        ),
        ({**OPEN, "input_guardrails": ["pg-1"]}, 501, "not built"),
        ({"provider": "openai", "retry": {"attempts": 1}}, 401, None),
        (fallback({"targets": [], "retry": {"attempts": 1}}, OPEN), 500, "Provider  not found"),
    ],
)
def test_a_config_that_cannot_be_followed_says_why(ask, provider, rows, config, status, message):
    answer = ask(config)
    assert answer.status_code == status, answer.content
    assert answer.headers["x-portkey-trace-id"]
    if message:
        assert message in answer.json()["message"]
    assert len(provider.calls) == 0
    assert [row["status"] for row in rows()] == [status]


def test_each_fault_of_a_config_is_told_with_its_place(ask):
    """wire-examples §24."""
    told = ask({"strategy": {"mode": "x"}, "targets": [{"provider": "openai"}]}).json()
    assert told == {
        "status": "failure",
        "message": "Invalid config passed",
        "errors": [
            "path: strategy,mode, message: Invalid 'mode' value. Must be one of: single, loadbalance, "
            "fallback, conditional",
            "path: targets,0, message: Invalid configuration. It must have either 'provider' and 'api_key', "
            "or 'strategy' and 'targets', or 'cache', or 'retry', or 'request_timeout'",
        ],
    }


@pytest.mark.parametrize("kept", [True, False])
def test_a_config_that_is_refused_is_on_record_without_its_secrets(ask, rows, kept):
    config = {
        "strategy": {"mode": "x"},
        "targets": [{"provider": "openai", "api_key": "sk-theirs-0123456789"}],
    }
    assert ask(config, x_portkey_debug="true" if kept else "false").status_code == 400
    (row,) = rows()
    assert row["config"] == "inline"
    assert row["error"]["message"].startswith(
        "Invalid config passed: path: strategy,mode, message: Invalid 'mode'"
    )
    assert ('"mode": "x"' in row["config_text"]) is kept
    assert "sk-theirs" not in str(row)


@pytest.mark.parametrize("config", ["[]", "7", '{"strategy": ' + "[" * 900 + "]" * 900 + "}"])
def test_so_is_one_that_is_none(ask, rows, config):
    assert ask(config).status_code == 400
    assert [row["status"] for row in rows()] == [400]


def test_a_target_that_offers_no_such_thing_ends_a_fallback(ask, provider):
    answer = ask(fallback(CLAUDE, OPEN), {"input": "Hi"}, path="/v1/embeddings")
    assert answer.status_code == 500
    assert answer.headers["x-portkey-gateway-exception"] == "true"
    assert "x-portkey-provider" not in answer.headers
    assert len(provider.calls) == 0


def test_a_call_that_passes_through_follows_a_config_too(ask, provider, slept):
    there = "https://api.openai.com/v1/moderations"
    provider.post(there, json={}, status=500)
    provider.post(there, json={"results": []})
    answer = ask(
        {**OPEN, "retry": {"attempts": 1}, "override_params": {"input": "b"}}, path="/v1/moderations"
    )
    assert (answer.status_code, told(answer)[:2]) == (200, ("config", "1"))
    assert json.loads(provider.calls[1].request.body)["input"] == "b"


OPENING = b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-x"}}\n\n'
OVERLOADED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}\n\n'
DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"Hi"}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_a_stream_that_passes_through_falls_back_until_its_first_content(ask, provider, rows):
    provider.post(ANTHROPIC, body=OPENING + OVERLOADED, content_type=EVENTS)
    provider.post(ANTHROPIC, body=OPENING + DELTA + STOP, content_type=EVENTS)
    answer = ask(fallback(CLAUDE, CLAUDE), {"stream": True}, path="/v1/messages")
    assert b"".join(answer.streaming_content) == OPENING + DELTA + STOP
    answer.close()
    assert told(answer)[0] == "config.targets[1]"
    (row,) = rows()
    assert (row["outcome"], row["rescued"]) == ("finished", True)
    assert [each["left"] for each in row["attempts"]] == ["fell back", ""]
    assert row["attempts"][0]["status"] >= 500


def test_where_there_is_nothing_to_fall_back_to_it_goes_out_as_it_came(ask, provider, rows):
    provider.post(ANTHROPIC, body=OPENING + OVERLOADED, content_type=EVENTS)
    answer = ask(fallback(CLAUDE, CLAUDE), {"stream": True}, path="/v1/messages")
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, OPENING + OVERLOADED)
    answer.close()
    assert len(provider.calls) == 2
    (row,) = rows()
    assert (row["outcome"], row["option_index"]) == ("failed", "config.targets[1]")


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches", "/v1/fine_tuning/jobs"])
def test_what_one_provider_keeps_is_asked_of_one_target(ask, path):
    answer = ask(fallback(OPEN, OPEN), path=path)
    assert answer.status_code == 400
    assert "Maximum one target is allowed" in answer.json()["message"]


def test_a_key_can_forbid_any_config_but_its_own(ask, api_key: ApiKey):
    ApiKey.objects.filter(pk=api_key.pk).update(allow_config_override=False)
    answer = ask(OPEN)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Cannot override default config set for this API key.",
    )


def test_the_time_of_the_whole_call_is_not_exceeded(ask, provider, slept, settings):
    settings.WHOLE_CALL_SECONDS = 4
    provider.post(OPENAI, json={}, status=500)
    answer = ask({**OPEN, "retry": {"attempts": 5}})
    assert (slept, told(answer)[1]) == ([1, 2], "-1")


def test_a_large_body_is_changed_too(ask, provider):
    provider.post(OPENAI, json=ANSWER)
    long = [{"role": "user", "content": "x" * 600_000, "name": "n"}]
    config = {**OPEN, "override_params": {"temperature": 0.5}, "drop_params": ["messages[*].name"]}
    answer = ask(config, {"messages": long, "model": "m"})
    sent = json.loads(provider.calls[0].request.body)
    assert (answer.status_code, sent["temperature"], sent["model"]) == (200, 0.5, "m")
    assert sent["messages"] == [{"role": "user", "content": "x" * 600_000}]


@pytest.mark.parametrize("name", ["key", "apikey", "client_secret", "clientSecret", "Authorization", "token"])
def test_what_may_be_a_credential_is_masked_whatever_it_is_called(ask, provider, rows, name):
    provider.post(OPENAI, json=ANSWER)
    ask({**OPEN, "of_theirs": {name: "s3cr3t-0123456789"}})
    assert "s3cr3t" not in str(rows())


@pytest.mark.parametrize("depth", [900, 980, 1_000, 1_020])
def test_parameters_nested_beyond_measure_are_no_fault_of_the_gateways(ask, provider, rows, depth):
    provider.post(OPENAI, json=ANSWER)
    nested = '{"virtual_key": "openai", "override_params": {"x": ' + "[" * depth + "]" * depth + "}}"
    assert ask(nested).status_code in (200, 400)
    assert len(rows()) == 1


def test_without_bodies_the_config_is_not_kept_either(ask, provider, rows, settings):
    provider.post(OPENAI, json=ANSWER)
    config = {**OPEN, "override_params": {"user": "a-persons-name"}}
    ask(config, x_portkey_debug="false")
    assert rows()[-1]["config_text"] == ""
    settings.LOG_BODY_KB = 0
    ask(config)
    assert [row["config_text"] for row in rows()] == ["", ""]
    assert "a-persons-name" not in str(rows()[0])


def test_targets_that_cannot_be_asked_count_as_tries_too(ask, provider, rows):
    nobody = {"provider": "openai", "retry": {"attempts": 1}}
    answer = ask(fallback(*[nobody] * 300))
    assert (answer.status_code, len(provider.calls), len(rows()[0]["attempts"])) == (401, 0, 100)


def test_no_call_asks_more_often_than_a_hundred_times(ask, provider, slept, rows):
    provider.post(OPENAI, json={}, status=500)
    answer = ask(fallback(*[OPEN] * 40, retry={"attempts": 5}))
    assert (answer.status_code, len(provider.calls)) == (500, 100)
    assert told(answer)[:2] == ("config.targets[16]", "-1")
    assert len(rows()[0]["attempts"]) == 100


def test_an_attempt_keeps_the_beginning_of_an_error(ask, provider, rows):
    provider.post(OPENAI, json={"error": {"message": "x" * 900_000}}, status=500)
    ask(fallback(OPEN, OPEN))
    assert [len(each["error"]) for each in rows()[0]["attempts"]] == [1_000, 1_000]


@pytest.fixture
def passing(client, token, virtual_key, provider, rows):
    """Ask by a path that the gateway does not know, as a config says."""
    provider.post("https://api.openai.com/v1/things", json={})

    def call(config, body, kind, **more):
        headers = {"x-portkey-api-key": token, "x-portkey-config": json.dumps({**OPEN, **config})}
        return client.post("/v1/things", body, content_type=kind, headers={**headers, **more})

    return call


USER = {"override_params": {"user": "u"}}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[1]", "application/x-ndjson"),
        (b' [{"a":1}]', "application/json"),
        (b'"{"', "application/x-ndjson"),
        (b"RIFF{}", "audio/wav"),
        (b"\0" * 70_000 + b"{}", "application/octet-stream"),
        (b" ", "text/plain"),
        (b"\xff\xfb{}", "audio/mpeg"),
        (b"a=b", "application/x-www-form-urlencoded"),
    ],
)
def test_what_passes_through_and_is_no_object_is_not_changed(passing, provider, body, kind):
    assert passing(USER, body, kind).status_code == 200
    assert provider.calls[0].request.body == body


NAN = b'{"model": "dear", "x": NaN}'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (NAN, "application/json"),
        (NAN, "text/plain"),
        (NAN, ""),
        (b'{"model": "dear"}', "text/plain"),
        (b' \n{"model": "dear"}', "application/octet-stream"),
        (b" " * 70_000 + b'{"model": "dear"}', "text/plain"),
        (b'\xef\xbb\xbf{"model": "dear"}', "text/plain"),
        ('{"model": "dear"}'.encode("utf-16-be"), "text/plain"),
        ('{"model": "dear"}'.encode("utf-16"), "text/plain"),
        (b'{"a":1}\n{"a":2}', "application/x-ndjson"),
        (b"1", "application/json"),
        (b"1", "application/x+json; charset=utf-8"),
        (b"\x1f\x8b", "Application/JSON"),
        (NAN[:-1] + b', "y": "' + b"a" * 600_000 + b'"}', "application/json"),
    ],
)
@pytest.mark.parametrize("config", [USER, {"default_params": {"user": "u"}}, {"drop_params": ["user"]}])
def test_what_may_be_an_object_and_cannot_be_read_is_refused_where_it_were_to_be_changed(
    passing, provider, rows, config, body, kind
):
    answer = passing(config, body, kind)
    assert (answer.status_code, "cannot be read" in answer.json()["message"]) == (400, True)
    assert not provider.calls
    assert [row["status"] for row in rows()] == [400]
    assert passing({"retry": {"attempts": 1}}, body, kind).status_code == 200
    assert provider.calls[0].request.body == body


def test_what_is_compressed_is_refused_where_it_were_to_be_changed(passing, provider):
    compressed = {"content-encoding": "gzip"}
    assert passing(USER, b"\x1f\x8b", "text/plain", **compressed).status_code == 400
    assert passing({"retry": {"attempts": 1}}, b"\x1f\x8b", "text/plain", **compressed).status_code == 200
    assert passing(USER, b"", "text/plain", **compressed).status_code == 200


@pytest.mark.parametrize("content", ["{}", json.dumps({"x": "a" * 600_000})])
def test_an_object_of_which_nothing_short_is_known_is_changed_as_well(passing, provider, rows, content):
    assert passing({"override_params": {"model": "forced"}}, content, "application/json").status_code == 200
    sent = json.loads(provider.calls[0].request.body)
    assert sent == {**json.loads(content), "model": "forced"}
    assert rows()[0]["model"] == "forced"


def test_a_bad_slug_is_refused_though_the_config_would_not_use_it(ask, provider):
    answer = ask(OPEN, {"model": "@nobodys/gpt-4o"})
    assert (answer.status_code, answer.json()["message"]) == (400, "Following keys are not valid: nobodys")


def test_a_secret_in_the_place_of_a_slug_is_not_told_back(ask, rows):
    secret = "sk-" + "a1b2c3d4" * 6
    answer = ask({"virtual_key": secret})
    assert answer.status_code == 400
    assert secret not in answer.content.decode() + str(rows())


@pytest.mark.parametrize("size", [40_000, 600_000])
def test_drops_from_a_long_body_are_made_elsewhere(ask, provider, size):
    provider.post(OPENAI, json=ANSWER)
    messages = [{"role": "user", "content": "x", "name": "n"}] * (size // 50)
    ask({**OPEN, "drop_params": ["messages[*].name"]}, {"messages": messages})
    sent = json.loads(provider.calls[0].request.body)
    assert sent["messages"] == [{"role": "user", "content": "x"}] * (size // 50)


def test_the_config_of_a_request_is_on_record_without_its_credentials(ask, provider, rows):
    provider.post(OPENAI, json=ANSWER)
    secret = "sk-theirs-0123456789abcdef"
    config = {
        "provider": "openai",
        "apiKey": secret,
        "openai_project": "p-0123456789abc",
        "retry": {"attempts": 1},
    }
    ask(config)
    (row,) = rows()
    told = json.loads(row["config_text"])
    assert (told["provider"], told["apiKey"], told["retry"]) == ("openai", "sk*****def", {"attempts": 1})
    assert secret not in str(row)
    assert "p-0123456789abc" not in str(row)


@pytest.mark.parametrize("more", [{}, {"cache": {"mode": "simple"}}])
def test_a_key_that_nobody_can_send_is_refused(ask, provider, more):
    answer = ask({"provider": "openai", "api_key": "sk-\ud800-0123456789", **more})
    assert answer.status_code == 400
    assert "half of a pair" in answer.json()["message"]
    assert not provider.calls
