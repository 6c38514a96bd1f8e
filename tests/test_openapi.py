"""Our own description of the API, played against the server: whatever fits it is answered as it says."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import response_schema_conformance

from gateway_site.openapi import document
from tests.servers import Kind

OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_dict(document("1")).get_all_operations()
}
OURS = {"x-portkey-provider", "x-portkey-custom-host", "x-portkey-forward-headers"}  # are a test of their own

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def served(yard):
    with yard.started(Kind("sqlite", 1)) as gatehouse:
        yield gatehouse
        assert "Traceback" not in gatehouse.log.read_text()


@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_fits_the_description_is_answered_as_described(served, label):
    @given(case=OPERATIONS[label].as_strategy())
    @settings(
        max_examples=15,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def play(case):
        own = {name: value for name, value in case.headers.items() if name.lower() not in OURS}
        case.headers = own | served.headers("openai-sandbox")
        response = case.call(base_url=served.url, timeout=20)
        unasked = "x-portkey-gateway-exception" in response.headers
        assert response.status_code < 500 or unasked, (response.status_code, response.text)
        if label not in ("GET /healthz", "GET /readyz"):
            assert response.headers["x-portkey-trace-id"]
        if "application/json" in response.headers.get("content-type", [""])[0]:
            case.validate_response(response, checks=[response_schema_conformance])

    play()
