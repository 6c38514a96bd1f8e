"""A price made in the admin of a running server: calls after it have it, and calls before it on request."""

from decimal import Decimal

import pytest

from tests.servers import Gatehouse, new_trace, within

pytestmark = pytest.mark.server

FORM = """
import django.db
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
client = Client(SERVER_NAME="localhost")
client.force_login(User.objects.filter(is_superuser=True)[0])
def post(path, **fields):
    answer = client.post(path, fields)
    assert answer.status_code == 302, answer.content.decode()
"""
PRICED = """
post("/admin/prices/priceoverride/add/", provider="openai", model={0!r}, input="2", output="8",
     starts_at_0="2026-01-01", starts_at_1="00:00", ends_at_0="", ends_at_1="")
"""
CHANGED_AND_ANEW = """
from prices.models import PriceOverride
row = PriceOverride.objects.get(model={0!r})
post(f"/admin/prices/priceoverride/{{row.pk}}/change/", input="4", output="8",
     starts_at_0="2026-01-01", starts_at_1="00:00:00", ends_at_0="", ends_at_1="")
post("/admin/logs/requestlog/unpriced/", model={0!r}, only_unpriced="on")
print(*(each.pk for each in PriceOverride.objects.filter(model={0!r}).order_by("id")))
"""


def test_a_price_of_ones_own_counts_for_calls_to_come_and_on_request_for_past_ones(
    gatehouse: Gatehouse,
) -> None:
    model = f"own-{new_trace()}"

    def row_of_a_call() -> dict[str, object]:
        trace = new_trace()
        assert gatehouse.chat(model=model, headers={"x-portkey-trace-id": trace}).status == 200
        return gatehouse.row(trace)

    def told(trace: object) -> dict[str, object]:
        return gatehouse.row(str(trace))

    def priced() -> bool:
        return row_of_a_call()["pricing"] == "priced"

    first = row_of_a_call()
    assert (first["pricing"], first["cost"]) == ("unpriced", None)
    gatehouse.python(FORM + PRICED.format(model))
    assert within(10, priced)
    before, after = gatehouse.python(FORM + CHANGED_AND_ANEW.format(model)).split()
    assert within(15, lambda: told(first["trace_id"])["pricing"] == "priced")
    found = told(first["trace_id"])
    # it was made after the price began, and before that was replaced
    assert found["price_source"] == f"override {before}"
    assert before != after
    tokens = [Decimal(str(found[f"{bucket}_tokens"])) for bucket in ("input", "output")]
    assert Decimal(str(found["cost"])) == (2 * tokens[0] + 8 * tokens[1]) / 1_000_000
