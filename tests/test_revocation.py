"""A key that is taken back is refused within a second, in every worker and on connections already open."""

import time

import pytest

from tests import workers
from tests.servers import SANDBOX_KEY, Kind, within

pytestmark = [pytest.mark.server, pytest.mark.timed]

SECONDS = 1.0
NAMES = ("revoked", "expired", "ended", "other")
MAKE = """
from keys.creation import create_api_key, create_virtual_key, rotate_api_key
from keys.models import ApiKey, Workspace
workspace = Workspace.objects.default()
for name in {names}:
    print(create_api_key(workspace, name)[1])
rotate_api_key(ApiKey.objects.get(name="ended"))
for slug in ("unused", "inactive", "detached"):
    create_virtual_key(workspace, slug, provider="openai", slug=slug, secret={secret!r}, custom_host={host!r})
"""
CHANGE = """
import time
from django.utils import timezone
from keys.changes import changing
from keys.models import ApiKey, Integration, VirtualKey
row = {find}
with changing(row):
    {change}
    row.save()
print(time.time())
"""
KEY = "ApiKey.objects.get(name='{}')"
# For each way to end: the API key and the virtual key of the calls, the row, the change, the refusal.
ENDS = {
    "revoked": ("revoked", "unused", KEY.format("revoked"), "row.revoked_at = timezone.now()", 401),
    "expired": ("expired", "unused", KEY.format("expired"), "row.expires_at = timezone.now()", 401),
    "ended": ("ended", "unused", KEY.format("ended"), "row.forget_previous()", 401),
    "inactive": ("other", "inactive", "VirtualKey.objects.get(slug='inactive')", "row.active = False", 400),
    "detached": ("other", "detached", "Integration.objects.get(slug='detached')", "row.active = False", 400),
}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def doomed(yard, request):
    """A server with two workers, and the API keys that will not last, by name."""
    with yard.started(Kind(request.param, 2)) as gatehouse:
        made = gatehouse.python(MAKE.format(names=NAMES, secret=SANDBOX_KEY, host="sandbox://openai/v1"))
        yield gatehouse, dict(zip(NAMES, made.split(), strict=True))


@pytest.mark.parametrize("end", ENDS)
def test_what_was_taken_back_is_refused_within_a_second_by_every_worker(doomed, end):
    gatehouse, keys = doomed
    key, virtual_key, find, change, refused = ENDS[end]
    with workers.connections(gatehouse) as held:

        def statuses():
            return {workers.status(gatehouse, each, keys[key], virtual_key) for each in held}

        assert statuses() == {200}
        changed = float(gatehouse.python(CHANGE.format(find=find, change=change)))
        assert within(changed + SECONDS - time.time(), lambda: statuses() == {refused})
        assert statuses() == {refused}
