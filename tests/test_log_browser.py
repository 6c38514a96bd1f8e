"""The page of a call that went a long way, in a real browser: by day, by night and on a phone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.servers import Gatehouse
from tests.test_admin_browser import browser, page, picture  # noqa: F401 - fixtures

pytestmark = [pytest.mark.server, pytest.mark.browser]

DOWN = {
    "provider": "openai",
    "model": "gpt-4o-mini",
    "host": "api.openai.com",
    "status": 503,
    "outcome": "failed",
}
MADE = """
import json
from django.utils import timezone
from logs.ids import new_id
from logs.models import RequestLog
facts = json.loads({facts!r})
print(RequestLog.objects.create(id=new_id(), created_at=timezone.now(), **facts).id)
"""


def attempts(targets: int, tries: int) -> Iterator[dict[str, Any]]:
    """All fail but the last; each try takes 0.3 s, and half a second is waited before a retry."""
    began = 0
    for target in range(targets):
        for retry in range(tries):
            began += 500 if retry else 0
            yield DOWN | {
                "path": f"config.targets[{target}]",
                "started_ms": began,
                "waited_ms": 500 if retry else 0,
                "ms": 300,
                "retries": retry,
                "error": "The server is overloaded.",
                "left": "retried" if retry < tries - 1 else "fell back",
            }
            began += 300


def made(gatehouse: Gatehouse, number: int) -> str:
    told = list(attempts(number // 6 or 1, min(number, 6)))
    told[-1] |= {"status": 200, "outcome": "answered", "error": "", "left": ""}
    facts = {"outcome": "finished", "status": 200, "attempts": told, "rescued": number > 1}
    facts |= {"config": "pc-main-1a2b3c", "mode": "fallback", "skipped": ["config.targets[10]"]}
    facts |= {"total_ms": told[-1]["started_ms"] + 300.0, "option_index": told[-1]["path"]}
    run = f"import django; django.setup()\n{MADE.format(facts=json.dumps(facts))}"
    return gatehouse.run("-c", run).split()[-1]


@pytest.mark.parametrize("number", [1, 60])
def test_every_attempt_can_be_read(page: Page, gatehouse: Gatehouse, picture: Any, number: int) -> None:  # noqa: F811
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"/admin/logs/requestlog/{made(gatehouse, number)}/change/")
    lines = page.locator("#attempts li .gh-told")
    expect(lines).to_have_count(number)
    expect(lines.last).to_contain_text(f"{number}. Answered 200: this is the answer that counted.")
    for scheme, width in (("light", 1400), ("dark", 1400), ("light", 390), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 1000})
        picture(page, f"{number}-attempts-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        bar = page.locator("#attempts svg").last.bounding_box()
        assert bar
        assert bar["width"] > 200
    assert page.locator("#attempts details[open]").count() == 0
    assert complaints == []


def test_marks_and_choices_of_the_list_lead_to_the_call(page: Page, gatehouse: Gatehouse) -> None:  # noqa: F811
    call = made(gatehouse, 12)
    page.goto("/admin/logs/requestlog/")
    page.get_by_label("Rescued").select_option("By a retry or a fallback")
    page.get_by_label("Config").fill("pc-main-1a2b3c")
    page.get_by_role("button", name="Show").click()
    row = page.locator("#result_list tbody tr").filter(has=page.locator(f"a[href*='{call}']"))
    expect(row).to_contain_text("rescued")
    expect(row).to_contain_text("12 attempts")
    expect(page.get_by_role("list", name="Asked for")).to_contain_text("Config: pc-main-1a2b3c")
