"""What holds for every address, read off the URL configuration: a new route without a policy fails here."""

import re

import pytest
from django.urls import URLResolver, get_resolver

from keys.management.view import RESERVED as SEGMENTS
from providers.catalog import PROVIDERS
from tests.own_provider import listening, whole
from tests.servers import CHAT, ROOT, question

BUILT = {"configs"}  # of the management API; to the key of the tests it says that its scopes do not reach
DATA, MANAGEMENT, ADMIN, SANDBOX, OPEN = "data", "management", "admin", "sandbox", "open"

# Every route there is. Data: an API key with its scope, errors in the data plane's envelope. Management: any
# known key and a 501 until it is built. Admin: a session. Sandbox: its own key. Open: nothing to protect.
POLICIES = {
    r"v1/chat/completions": DATA,
    r"v1/completions": DATA,
    r"v1/embeddings": DATA,
    r"v1/models": DATA,
    r"^v1/[\s\S]+\Z": DATA,  # whatever passes through
    r"^v[12]/configs/": MANAGEMENT,
    r"^v[12]/configs/?\Z": MANAGEMENT,
    r"^v[12]/(?:": MANAGEMENT,
    r"admin/": ADMIN,
    r"admin": OPEN,  # a redirect
    r"healthz": OPEN,
    r"readyz": OPEN,
    r"": OPEN,
    r"docs": OPEN,  # a redirect
    r"docs/": OPEN,
    r"sandbox/": SANDBOX,
}


def routes(patterns=None, prefix=""):
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        else:
            yield path


def policy(route):
    """The policy of the longest entry that the route is, or for a subtree begins with."""
    fitting = [entry for entry in POLICIES if route == entry or (entry and subtree(entry, route))]
    return POLICIES[max(fitting, key=len)] if fitting else None


def subtree(entry, route):
    return entry.endswith(("/", "(?:")) and route.startswith(entry)


PASSED = "/v1/threads/of/some/kind"  # a path for the route that takes all others
DATA_ROUTES = [PASSED if "[" in route else f"/{route}" for route in routes() if policy(route) == DATA]


@pytest.mark.parametrize("route", list(routes()))
def test_every_route_has_a_policy(route):
    assert policy(route), (
        f"{route!r} needs an entry in POLICIES, and the tests of that policy then hold for it."
    )


def test_nothing_under_the_api_is_open():
    for route in routes():
        if route.lstrip("^").startswith("v"):
            assert policy(route) in (DATA, MANAGEMENT)


@pytest.mark.parametrize("slug", PROVIDERS)
def test_every_provider_has_recordings(slug):
    recordings = [path for path in (ROOT / "tests" / "wire" / slug).rglob("*") if path.is_file()]
    assert recordings


def is_e2(answer, code):
    told = answer.json()
    return (
        told["status"] == "failure"
        and told["error"] == {"message": told["message"], "code": code}
        and told["message"].endswith(f"Error Code: {code}")
    )


def is_of_management(answer):
    told = answer.json()
    return (
        told["success"] is False
        and told["status"] == "failure"
        and told["message"] == told["error"]["message"] == told["data"]["message"]
        and set(told["error"]) == {"message", "type", "param", "code"}
        and re.fullmatch(r"AB\d\d", told["data"]["errorCode"])
    )


def well_told(answer):
    """What holds for every error of the API."""
    return (
        answer.headers["x-portkey-trace-id"]
        and answer.headers["content-type"].startswith("application/json")
        and b"<" not in answer.body[:1]
        and isinstance(answer.json(), dict)
    )


@pytest.mark.server
@pytest.mark.parametrize("path", DATA_ROUTES)
@pytest.mark.parametrize("key", ["", "nonsense", "gh-" + "x" * 43, "sk-looks-like-a-provider-key"])
def test_a_data_route_without_a_known_key_is_401(gatehouse, path, key):
    answer = gatehouse.ask(question(), path=path, key=key, virtual_key="openai-sandbox")
    assert answer.status == 401
    assert well_told(answer)
    assert is_e2(answer, "03")


@pytest.mark.server
@pytest.mark.parametrize("path", DATA_ROUTES)
@pytest.mark.parametrize("key", ["organisation_key", "reading_key"])
def test_a_data_route_without_the_scope_is_403(gatehouse, path, key):
    """An organisation's key makes no calls, nor does a workspace's without `completions.write`."""
    answer = gatehouse.ask(question(), path=path, key=gatehouse.keys[key], virtual_key="openai-sandbox")
    assert answer.status == 403
    assert well_told(answer)
    assert is_e2(answer, "033")


@pytest.mark.server
@pytest.mark.parametrize("path", DATA_ROUTES)
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "BREW"])
def test_a_wrong_method_on_a_data_route_is_405(gatehouse, path, method):
    answer = gatehouse.ask(method=method, path=path)
    assert answer.status == 405
    assert well_told(answer)
    assert answer.headers["allow"] == "GET, POST, PUT, PATCH, DELETE"


@pytest.mark.server
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_passes_through_needs_a_provider(gatehouse, method):
    answer = gatehouse.ask(method=method, path=PASSED)
    assert answer.status == 400
    assert well_told(answer)
    assert "x-portkey-provider" in answer.json()["message"]


@pytest.mark.server
@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/chat/completions", "/v1/", "/v1"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_404(gatehouse, path, method):
    answer = gatehouse.ask(question(), method=method, path=path, virtual_key="openai-sandbox")
    assert answer.status == 404
    assert well_told(answer)


@pytest.mark.server
@pytest.mark.parametrize("segment", SEGMENTS)
def test_the_management_api_never_goes_to_a_provider(gatehouse, own, segment):
    before = len(own.exchanges)
    for version in ("v1", "v2"):
        for path in (f"/{version}/{segment}", f"/{version}/{segment}/", f"/{version}/{segment}/a/b?c=d"):
            for method in ("GET", "POST", "PUT", "DELETE"):
                answer = gatehouse.ask(question(), method=method, path=path, virtual_key="openai-own")
                assert answer.status in ((403, 404, 405, 501) if segment in BUILT else (501,)), (method, path)
                assert well_told(answer)
                assert is_of_management(answer)
    assert len(own.exchanges) == before


@pytest.mark.server
@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize("key", ["", "gh-" + "x" * 43])
def test_the_management_api_without_a_known_key_is_401(gatehouse, segment, key):
    for version in ("v1", "v2"):
        answer = gatehouse.ask(method="GET", path=f"/{version}/{segment}", key=key)
        assert answer.status == 401
        assert well_told(answer)
        assert is_of_management(answer)


ODD = {
    "a path in Latin-1": {"path": "/v1/%ff%fe", "method": "GET"},
    "a path with markup": {"path": "/v1/%3Cscript%3E", "method": "GET"},
    "a path with a line break": {"path": "/v1/chat%0a/completions", "method": "GET"},
    "a double slash": {"path": "//v1/nothing", "method": "GET"},
    "a host that is not ours": {"path": CHAT, "body": question(), "headers": {"host": "evil.example"}},
    "a wrong type of content": {"path": CHAT, "body": b"<a/>", "headers": {"content-type": "text/xml"}},
    "a form": {
        "path": CHAT,
        "body": b"a=b",
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    },
    "broken JSON": {"path": CHAT, "body": b'{"model": "x", '},
    "a list": {"path": CHAT, "body": b"[]"},
    "no body": {"path": CHAT},
    "bytes that are no UTF-8": {"path": CHAT, "body": b'{"model": "\xff"}'},
    "a config that is no JSON": {"path": CHAT, "body": question(), "headers": {"x-portkey-config": "{"}},
    "an unknown provider": {"path": CHAT, "body": question(), "headers": {"x-portkey-provider": "nobody"}},
    "asks for HTML": {"path": "/v1/nothing", "method": "GET", "headers": {"accept": "text/html"}},
    "management asks for HTML": {"path": "/v1/logs", "method": "GET", "headers": {"accept": "text/html"}},
    "an unknown method": {"path": CHAT, "method": "BREW"},
    "a long header": {"path": CHAT, "body": question(), "headers": {"x-portkey-metadata": "x" * 60_000}},
}


@pytest.mark.server
@pytest.mark.parametrize("what", ODD)
def test_whatever_is_sent_the_answer_is_json_and_blames_the_right_side(gatehouse, what):
    answer = gatehouse.ask(**ODD[what])
    assert 400 <= answer.status < 500 or answer.status == 501
    assert well_told(answer)


NAMED = {
    "virtual key": ({"x-portkey-virtual-key": "others-sandbox"}, {}),
    "provider": ({"x-portkey-provider": "@others-sandbox"}, {}),
    "model": ({}, {"model": "@others-sandbox/sandbox-model"}),
    "query": ({}, {}),
}


@pytest.mark.server
@pytest.mark.parametrize("how", NAMED)
def test_a_key_of_another_workspace_does_not_exist(gatehouse, how):
    headers, body = NAMED[how]
    path = f"{CHAT}?model=@others-sandbox/sandbox-model" if how == "query" else CHAT
    theirs = gatehouse.keys["others_key"]
    assert gatehouse.ask(question() | body, path=path, headers=headers, key=theirs).status == 200
    answer = gatehouse.ask(question() | body, path=path, headers=headers)
    assert answer.status == 400
    assert "others-sandbox" in answer.json()["message"]


@pytest.mark.server
@pytest.mark.parametrize(
    "headers",
    [
        {"x-portkey-custom-host": "{url}/v1"},
        {"x-portkey-custom-host": "{url}/v1", "x-portkey-provider": "@openai-own"},
        {"x-portkey-openai-base-url": "{url}/v1"},
        {"host": "{netloc}"},
        {"x-forwarded-host": "{netloc}"},
    ],
)
def test_no_header_sends_a_stored_credential_elsewhere(gatehouse, own, headers):
    with listening() as thief:
        model = own.learn(lambda exchange: exchange.reply(200, whole("Hi")))
        netloc = thief.url.removeprefix("http://")
        named = {name: value.format(url=thief.url, netloc=netloc) for name, value in headers.items()}
        gatehouse.ask(question() | {"model": model}, virtual_key="openai-own", headers=named)
        assert thief.exchanges == []
