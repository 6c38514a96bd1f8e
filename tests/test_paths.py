"""One form of each path is looked up, and a path that goes on says what the client said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import paths
from proxy.errors import InvalidRequest
from proxy.http1 import TARGET

KEY = "gh-" + "A" * 43


def environ(path, raw=None, query="", method="POST"):
    made = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    return made if raw is None else made | {"RAW_URI": raw}


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("//v1///models", "/v1/models"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/proxy/threads/t", "/v1/threads/t"),
        ("/v1/proxy/v1//v1/proxy/configs", "/v1/configs"),
        ("/v1/v10/x", "/v1/v10/x"),
        ("/v1/proxyline", "/v1/proxyline"),
        ("/v2/v1/x", "/v2/v1/x"),
    ],
)
def test_a_path_has_one_plain_form(path, plain):
    assert paths.plain(path) == plain


@pytest.mark.parametrize(
    ("path", "raw", "query", "below"),
    [
        ("/v1/threads/t_1", None, "limit=2", "/threads/t_1?limit=2"),
        ("/v1/models/a/b", "/v1/models/a%2Fb", "", "/models/a%2Fb"),
        ("/v1/models/a/b", "/v1/models/other", "", "/models/a/b"),
        ("/v1/files/a b?#é", None, "", "/files/a%20b%3F%23%C3%A9"),
        ("/v1/files/é", "/v1/files/%C3%A9?x=1", "x=1", "/files/%C3%A9?x=1"),
        ("/v1/日本", None, "", "/%E6%97%A5%E6%9C%AC"),
        ("/v1/a%FF", "/v1/a%FF", "", "/a%FF"),
        ("/v1/x", "/%761/x", "", "/x"),
        ("/v1/v1/messages", "/v1/v1/messages?beta=true", "beta=true", "/messages?beta=true"),
        ("/v1/x", None, "a[]=1&b=%20c+d&e", "/x?a[]=1&b=%20c+d&e"),
        ("/v1/x", None, 'q="<é>"', "/x?q=%22%3C%C3%A9%3E%22"),
        ("/v1/x", None, "model=@openai/gpt-4o&a=1", "/x?model=gpt-4o&a=1"),
        ("/v1/x", None, "a=1&model=%40openai%2Fgpt-4o", "/x?a=1&model=gpt-4o"),
        ("/v1/x", None, "model=gpt-4o&supermodel=@a/b", "/x?model=gpt-4o&supermodel=@a/b"),
        ("/v1/x", None, "model=@cf/meta/llama", "/x?model=@cf/meta/llama"),
    ],
)
def test_a_path_goes_on_as_the_client_quoted_it(path, raw, query, below):
    query = query.encode().decode("latin-1")
    assert paths.below(environ(path, raw, query)) == below


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("path", "raw", "below", "named"),
    [
        ("/v1/models/@own/gpt-4o", None, "/models/gpt-4o", ("own", "gpt-4o")),
        ("/v1/models/@own/gpt-4o", "/v1/models/%40own%2Fgpt-4o", "/models/gpt-4o", ("own", "gpt-4o")),
        ("/v1/models/@own/gpt-4o", "/v1/models/@own%2fgpt-4o?a", "/models/gpt-4o", ("own", "gpt-4o")),
        ("/v1/models/@own/a/b", "/v1/models/%40own%2Fa%2Fb", "/models/a%2Fb", ("own", "a/b")),
        ("/v1/models/@own/a/b", "/v1/v1//models/%40%6fwn/a/b", "/models/a/b", ("own", "a/b")),
        ("/v1/models/@own/a", "/v1/%6dodels/@own/a", "/models/a", ("own", "a")),
        ("/v1/models/@own/@cf/a", None, "/models/@cf/a", ("own", "@cf/a")),
        ("/v1/models/@own/@other/a", None, "/models/@own/@other/a", ("", "")),
        ("/v1/models/@cf/a/b", None, "/models/@cf/a/b", ("", "")),
        ("/v1/models/@own", None, "/models/@own", ("", "")),
        ("/v1/models/@own/", None, "/models/@own/", ("", "")),
        ("/v1/models/@/a", None, "/models/@/a", ("", "")),
        ("/v1/models/a@own/b", None, "/models/a@own/b", ("", "")),
        ("/v1/files/@own/a", None, "/files/@own/a", ("", "")),
    ],
)
def test_a_virtual_key_before_a_model_in_the_path_does_not_go_on(method, path, raw, below, named):
    asked = environ(path, raw, method=method)
    assert (paths.below(asked), paths.named(asked)) == (below, named)


def test_a_path_names_a_virtual_key_where_a_model_is_asked_for_or_deleted():
    assert paths.below(environ("/v1/models/@own/a", method="POST")) == "/models/@own/a"
    with pytest.raises(InvalidRequest):
        paths.below(environ("/v1/models/@own/../a", method="GET"))


@pytest.mark.parametrize(
    ("query", "listing"),
    [
        ("", "/models"),
        ("limit=2&after_id=a%20b", "/models?limit=2&after_id=a%20b"),
        ("pretty", "/models"),
        ("model=@own/x&pretty=1&category=a+b", "/models?category=a+b"),
        ("a=1&&model=%40own%2Fx", "/models?a=1"),
        ("model=@own&supermodel=@a/b", "/models?supermodel=@a/b"),
        ("model=@cf/x&model=gpt&prettyprint", "/models?model=@cf/x&model=gpt&prettyprint"),
        ("q=é", "/models?q=%C3%A9"),
    ],
)
def test_the_query_of_a_list_goes_on_but_for_what_is_the_gateways(query, listing):
    assert paths.listing(environ("/v1/models", query=query.encode().decode("latin-1"))) == listing


def test_a_list_is_not_asked_for_with_a_key_of_ours():
    with pytest.raises(InvalidRequest):
        paths.listing(environ("/v1/models", query=f"api_key={KEY}"))


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/v1/../admin", None),
        ("/v1/files/./x", None),
        ("/v1/a/..", "/v1/a/%2e%2e"),
        ("/v1/a/../../v1/configs", "/v1/a%2F..%2F..%2Fv1%2Fconfigs"),
        ("/v1/%2e%2e/admin", "/v1/%252e%252e/admin"),
        ("/v1/..;x=1/..;/admin", None),
        ("/v1/..\\..\\admin", "/v1/..%5C..%5Cadmin"),
        ("/v1/.\0./admin", None),
        ("/v1/\u2025/x", None),
    ],
)
def test_a_path_that_climbs_goes_nowhere(path, raw):
    with pytest.raises(InvalidRequest):
        paths.below(environ(path, raw))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/Configs",
        "/v1/v2/configs/c",
        "/v1/v2/v1/proxy/configs",
        "/v1/%63onfigs",
        "/v1/configs;x=1",
        "/v1/;x/configs",
        "/v1/\\configs\\x",
        "/v1/virtual-keys\0",
        "/v1/ prompts /p",
        "/v1/\uff4cogs",
        "/v1/guard\u200brails",
    ],
)
def test_no_spelling_of_a_management_path_goes_on(path):
    with pytest.raises(InvalidRequest):
        paths.below(environ(path))


@pytest.mark.parametrize(
    "path",
    ["/v1/configs_of_mine", "/v1/organization/admin_api_keys", "/v1/fine_tuning/jobs/j/logs", "/v1/v2/chat"],
)
def test_what_only_looks_like_management_goes_on(path):
    assert paths.below(environ(path)) == path.removeprefix("/v1")


@pytest.mark.parametrize(
    ("path", "query"), [(f"/v1/x/{KEY}", ""), ("/v1/x", f"api_key={KEY}"), ("/v1/x", f"k=%67h-{KEY[3:]}")]
)
def test_an_address_with_a_key_of_ours_goes_nowhere(path, query):
    with pytest.raises(InvalidRequest):
        paths.below(environ(path, query=query))


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=40), st.sampled_from(["", "models/@a/"]))
def test_whatever_the_path_what_goes_on_is_a_path_below_the_base(path, raw, query, under):
    path, raw = under + path, under + raw
    given_query = query.encode("utf-8", "replace").decode("latin-1")
    try:
        below = paths.below(
            environ(f"/v1/{path}".encode("utf-8", "replace").decode(), f"/v1/{raw}", given_query, "GET")
        )
    except InvalidRequest:
        return
    assert below.startswith("/")
    assert TARGET.fullmatch(below)
    assert "#" not in below
    assert not {".", ".."} & set(below.partition("?")[0].split("/"))
