"""Which headers travel, and which never do."""

import pytest

from proxy import call, forwarding
from proxy.call import Headers


def sent(names, settings=(), **given):
    headers = Headers({call.environ_name(name.replace("_", "-")): value for name, value in given.items()})
    wire = {"authorization": "Bearer sk-stored", "openai-project": "the admin's"}
    forwarding.add(wire, headers, names, settings)
    return wire


def test_a_header_the_client_names_goes_along():
    assert sent(["x-plan"], x_plan="high-quality")["x-plan"] == "high-quality"


@pytest.mark.parametrize(
    "name",
    ["authorization", "x-api-key", "x_api_key", "cookie", "host", "transfer_encoding", "x-portkey-api-key"],
)
def test_what_could_be_a_credential_or_belongs_to_the_connection_does_not(name):
    given = {name.replace("-", "_"): "mine"}
    assert "mine" not in sent([name], **given).values()


def test_a_gateway_key_goes_nowhere_under_any_name():
    assert "x-mine" not in sent(["x-mine"], x_mine="Bearer gh-" + "A" * 43)


def test_an_admins_settings_are_not_the_clients_to_set():
    wire = sent(["openai-project"], settings={"openai-project"}, openai_project="the client's")
    assert wire["openai-project"] == "the admin's"


@pytest.mark.parametrize(
    "name",
    ["X-Accel-Redirect", "x-sendfile", "set-cookie", "location", "Clear-Site-Data", "refresh", "X-Portkey-A"],
)
def test_an_answers_header_that_commands_somebody_does_not_reach_the_client(name):
    assert forwarding.answered({name: "x", "x-request-id": "1"}) == {"x-request-id": "1"}
