"""Configs in a real browser: made, mended, drawn, tried out, put back, and chosen as a key's default."""

# ruff: noqa: F811 - fixtures of another module

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.servers import Gatehouse, new_trace
from tests.test_admin_browser import browser, choose, page, picture  # noqa: F401 - fixtures

pytestmark = [pytest.mark.server, pytest.mark.browser]

SMALL = {"width": 390, "height": 844}
CONFIG = {
    "retry": {"attempts": 3, "on_status_codes": [429, 503]},
    "strategy": {
        "mode": "conditional",
        "conditions": [{"query": {"metadata.plan": {"$eq": "paid"}}, "then": "paid"}],
        "default": "free",
    },
    "targets": [
        {
            "name": "paid",
            "strategy": {"mode": "fallback"},
            "targets": [
                {"provider": "@openai-sandbox", "override_params": {"model": "gpt-4o"}},
                {
                    "strategy": {"mode": "loadbalance"},
                    "targets": [
                        {"provider": "@anthropic-sandbox", "weight": 0.7, "request_timeout": 5000},
                        {"provider": "@openai-sandbox", "weight": 0.3},
                    ],
                },
            ],
        },
        {"name": "free", "provider": "@openai-sandbox", "override_params": {"model": "gpt-4o-mini"}},
    ],
}


def test_from_a_slip_to_a_keys_default(page: Page, gatehouse: Gatehouse, picture) -> None:
    name = f"Browser {new_trace()[-8:]}"
    page.goto("/admin/configs/config/add/")
    page.locator("[name='name']").fill(name)
    choose(page, "workspace", "Default")
    page.locator("[name='text']").fill(json.dumps(CONFIG, indent=2).replace('"fallback"', '"falback"'))
    save = page.get_by_role("button", name="Save and continue editing")
    save.click()
    expect(page.get_by_text("targets → 0 → strategy → mode: Invalid 'mode' value")).to_be_in_viewport()
    picture(page, "config-1-slip")
    page.locator("[name='text']").fill(json.dumps(CONFIG))
    save.click()
    expect(page).to_have_url(re.compile("/admin/configs/config/[0-9a-f-]{36}/change/"))
    tree = page.locator("#tree")
    for words in ('if metadata.plan is "paid"', "@anthropic-sandbox", "70 %", "3 more after 429, 503", "5 s"):
        expect(tree).to_contain_text(words)
    picture(page, "config-2-drawn")
    tries_it_out(page, picture)
    goes_back_to_a_version(page)
    fits_a_telephone(page, picture)
    is_a_keys_default(page, gatehouse, name)


def tries_it_out(page: Page, picture) -> None:
    here = page.url
    page.get_by_role("link", name="Dry run").click()
    page.get_by_label("Metadata").fill('{"plan": "paid"}')
    page.get_by_role("button", name="Which target?").click()
    result = page.locator("#result")
    expect(result).to_contain_text("It goes to @openai-sandbox (config.targets[0].targets[0])")
    expect(result).to_contain_text("for the model gpt-4o")
    expect(result).to_contain_text("holds")
    expect(page.locator(".gh-taken")).to_have_count(3)
    picture(page, "config-3-tried")
    page.goto(here)


def goes_back_to_a_version(page: Page) -> None:
    here = page.url
    page.locator("[name='text']").fill('{"provider": "@openai-sandbox"}')
    page.get_by_role("button", name="Save and continue editing").click()
    page.locator("#versions").get_by_role("link", name="All of them").click()
    expect(page.locator(".gh-came")).to_have_count(1)
    page.get_by_role("link", name="1", exact=True).click()
    page.get_by_role("button", name="Put it in force again").click()
    expect(page.get_by_text("Version 1 is in force again, as version 3.")).to_be_visible()
    expect(page).to_have_url(here)


def fits_a_telephone(page: Page, picture) -> None:
    before, here = page.viewport_size, page.url
    page.set_viewport_size(SMALL)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for rest in ("change", "try", "versions"):
            page.goto(here.replace("change", rest))
            wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not page.evaluate(wide), (rest, scheme)
            picture(page, f"config-4-small-{rest}-{scheme}")
    page.emulate_media(color_scheme=None)
    page.set_viewport_size(before)
    page.goto(here)


def is_a_keys_default(page: Page, gatehouse: Gatehouse, name: str) -> None:
    page.goto("/admin/keys/apikey/add/")
    page.locator("[name='name']").fill(name)
    choose(page, "workspace", "Default")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Open this one").click()
    choose(page, "default_config", name)
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".field-default_config .select2-selection")).to_contain_text(name)
