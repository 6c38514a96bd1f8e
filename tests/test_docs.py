"""/docs/ describes what is routed, loads nothing from elsewhere, and is where a call can be tried."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import get_resolver
from django.views import View
from playwright.sync_api import sync_playwright

from gateway_site.openapi import document
from keys.management.view import Unbuilt
from proxy.views import DataView
from tests.needs import chromium

ROOT = Path(__file__).resolve().parent.parent
PASSED = "/v1/{path}"  # all that has no route of its own
ASSETS = [
    *(ROOT / "gateway_site" / "static").rglob("*.*"),
    *(ROOT / "gateway_site" / "templates").rglob("docs.*"),
]


def routed() -> set[tuple[str, str]]:
    """The method and path of every route under /v1/ that does something."""
    return {
        (method, f"/{path}")
        for path, view in routes(get_resolver().url_patterns)
        if path.startswith("v1/") and issubclass(view, View) and view is not Unbuilt
        for method in methods_of(view)
    } | {(method, PASSED) for method in methods_of(DataView)}


def methods_of(view):
    """On a route of the data plane the methods it has no words of its own for pass through."""
    if issubclass(view, DataView) and view is not DataView:
        return [view.method.lower()]
    return [name for name in view.http_method_names if hasattr(view, name) and name != "options"]


def routes(patterns, before=""):
    for pattern in patterns:
        path = before + plain(str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, path)
        else:
            yield path, getattr(pattern.callback, "view_class", type(None))


def plain(pattern):
    """A pattern of the management API as a path: what is the same under /v2/ is described once."""
    if not pattern.startswith("^v[12]/"):
        return pattern
    path = pattern.removeprefix("^").removesuffix(r"\Z").removesuffix("/?").replace("v[12]/", "v1/")
    return re.sub(r"\(\?P<(\w+)>\[\^/\]\+\)", r"<\1>", path)


def test_every_route_of_the_api_is_described_and_nothing_else():
    paths = document("1")["paths"]
    described = {(m, path) for path, methods in paths.items() for m in methods if path.startswith("/v1/")}
    assert described == {(m, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)) for m, path in routed()}


@pytest.mark.django_db(databases=["default", "logs"])
def test_every_reference_in_the_description_leads_somewhere(client):
    description = client.get("/docs/openapi.json").json()
    for reference in set(re.findall(r"'\$ref': '#/([^']+)'", str(description))):
        part = description
        for name in reference.split("/"):
            part = part[name]
        assert part


@pytest.mark.django_db(databases=["default", "logs"])
def test_the_description_tells_the_version_of_the_changelog(client):
    assert client.get("/docs/openapi.json").json()["info"]["version"] == settings.VERSION
    assert f"## [{settings.VERSION}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.django_db(databases=["default", "logs"])
def test_the_page_and_what_it_needs_come_from_here_alone(client):
    page = client.get("/docs/")
    assert page["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert [path for path in loaded if not path.startswith(("/", "data:,"))] == []
    for path in loaded:
        if path.startswith("/static/"):
            with closing(client.get(path)) as answer:
                assert answer.status_code == 200


@pytest.mark.parametrize("asset", ASSETS, ids=lambda path: path.name)
def test_no_asset_names_another_host(asset):
    assert not re.search(r"https?://|//[a-z]+\.|innerHTML|document\.write", asset.read_text())


@pytest.mark.server
@pytest.mark.browser
def test_a_call_can_be_tried_and_its_answer_stays_text(gatehouse):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{gatehouse.url}/docs/")
        page.fill("#api-key", gatehouse.api_key)
        page.select_option("select >> nth=0", "stream")
        body = page.locator("textarea").first
        body.fill(body.input_value().replace("What is a gatehouse?", "<img src=x onerror=alert(1)>"))
        page.get_by_role("button", name="Send").first.click()
        page.get_by_text("data: [DONE]").wait_for()
        assert page.locator("pre.answer").first.inner_text().startswith("200 OK")
        assert page.locator("img").count() == 0
        page.get_by_text("/v1/{path}").nth(1).click()
        passed = page.locator("details.operation[open]").last
        passed.get_by_text("Parameters").click()
        passed.locator("input").nth(0).fill("moderations")
        passed.locator("input").nth(1).fill("openai-sandbox")
        passed.locator("textarea").fill('{"input": "Hello"}')
        passed.get_by_role("button", name="Send").click()
        passed.get_by_text("modr-").wait_for()
        assert errors == []
        browser.close()
