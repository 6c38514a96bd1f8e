"""The admin in a real browser: from a log-in to a provider's secret, a key shown once, a call and its row."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import needs
from tests.prepare import ADMIN, PASSWORD
from tests.servers import SANDBOX_KEY, Gatehouse, new_trace, within

pytestmark = [pytest.mark.server, pytest.mark.browser]

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>=1+1'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # What Django takes for a sign of a running loop is playwright's own.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs.chromium(), args=QUIET)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser, gatehouse: Gatehouse) -> Iterator[Page]:
    """Of somebody who is logged in. A broken script, a missing file or a foreign address fails the test."""
    context = browser.new_context(base_url=gatehouse.url, viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(20_000)
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("response", lambda answer: broken.append(answer.url) if answer.status >= 400 else None)
    page.on(
        "request", lambda asked: None if asked.url.startswith(own(gatehouse)) else broken.append(asked.url)
    )
    page.goto("/admin/")
    page.get_by_label("Username").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{gatehouse.url}/admin/")
    yield page
    context.close()
    assert broken == []


def own(gatehouse: Gatehouse) -> tuple[str, ...]:
    """Where a page of ours may load from."""
    return (gatehouse.url, "data:", "blob:")


@pytest.fixture
def picture(request: pytest.FixtureRequest, tmp_path: Path):
    """Takes a screenshot; they stay where SCREENSHOTS says, else with the test's other files."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{request.node.callspec.id}-{name}.png", full_page=True)

    return take


def add(page: Page, what: str, **fields: str) -> None:
    """Fill in the form for a new row and save it."""
    page.goto(f"/admin/keys/{what}/add/")
    for name, value in fields.items():
        field = page.locator(f"[name='{name}']")
        if field.evaluate("element => element.tagName") == "SELECT":
            choose(page, name, value)
        else:
            field.fill(value)


def choose(page: Page, name: str, label: str) -> None:
    """Pick from a select; from one whose choices are searched for, as a person does."""
    select = page.locator(f"select[name='{name}']")
    if "admin-autocomplete" in (select.get_attribute("class") or ""):
        page.locator(f".field-{name} .select2-selection").click()
        page.locator(".select2-search__field").last.fill(label)
        page.locator(".select2-results__option", has_text=label).first.click()
        return
    value = select.evaluate(
        "(element, label) => [...element.options].find(o => o.text.trim() === label)?.value", label
    )
    assert value, f"{name} does not offer {label!r}."
    select.evaluate("(element, value) => { element.value = value }", value)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(re.compile(r"/admin/keys/\w+/(\?.*)?$"))


def test_from_a_secret_to_a_row(page, gatehouse, picture):
    name = new_trace()[-8:]
    page.goto("/admin/")
    picture(page, "1-index")
    add(
        page,
        "integration",
        name=f"Sandbox {name}",
        slug=f"sandbox-{name}",
        provider="OpenAI",
        workspace="Default",
        secret=SANDBOX_KEY,
        custom_host="sandbox://openai/v1",
    )
    picture(page, "2-integration-form")
    save(page)
    picture(page, "3-integrations")
    page.locator("#result_list").get_by_role("link", name=f"Sandbox {name}").click()
    assert SANDBOX_KEY not in page.content()
    picture(page, "4-integration")
    add(
        page,
        "virtualkey",
        name=f"Sandbox {name}",
        slug=f"key-{name}",
        workspace="Default",
        integration=f"Sandbox {name}",
    )
    picture(page, "5-virtual-key-form")
    save(page)
    add(page, "apikey", name=f"App {name}", workspace="Default")
    picture(page, "6-api-key-form")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    shown = re.search(r"gh-[A-Za-z0-9_-]{43}", page.get_by_label("API key").input_value())
    assert shown, "The new API key was not shown."
    picture(page, "7-api-key-shown-once")
    assert shown[0] not in page.url
    page.reload()
    assert shown[0] not in page.content()
    picture(page, "7-api-key-shown-before")

    trace = new_trace()
    answer = gatehouse.chat(
        HOSTILE, virtual_key=f"key-{name}", key=shown[0], headers={"x-portkey-trace-id": trace}
    )
    assert answer.status == 200
    row = gatehouse.row(trace)

    page.goto("/admin/logs/requestlog/")
    expect(page.get_by_text(f"key-{name}").first).to_be_visible()
    picture(page, "8-requests")
    page.goto(f"/admin/logs/requestlog/?q={trace}")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.goto(f"/admin/logs/requestlog/{row['id']}/change/")
    expect(page.get_by_text(trace).first).to_be_visible()
    expect(page.get_by_text("onerror").first).to_be_visible()
    assert page.title() not in ("1", "2")
    assert shown[0] not in page.content()
    assert SANDBOX_KEY not in page.content()
    picture(page, "9-request")


def test_one_form_makes_a_key_that_serves_within_a_second(page, gatehouse, picture):
    slug = f"one-{new_trace()[-8:]}"
    page.goto("/admin/keys/virtualkey/add/")
    project = page.get_by_label("OpenAI project")
    expect(project).to_be_hidden()
    page.get_by_label("Provider").select_option("OpenAI")
    expect(project).to_be_visible()
    expect(page.get_by_label("Anthropic version")).to_be_hidden()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("This needs the provider's key")).to_be_visible()
    picture(page, "wrong")
    page.locator("[name='secret']").fill(SANDBOX_KEY)
    page.locator("[name='custom_host']").fill("sandbox://openai/v1")
    page.locator("[name='name']").fill("In one form")
    page.locator("[name='slug']").fill(slug)
    choose(page, "workspace", "Default")
    picture(page, "filled-in")
    save(page)
    assert within(1, lambda: gatehouse.chat(virtual_key=slug).status == 200)

    page.emulate_media(color_scheme="dark")
    page.locator("#result_list").get_by_role("link", name=slug).click()
    picture(page, "virtual-key-by-night")
    page.get_by_role("button", name="Test this key").click()
    expect(page.get_by_text("The provider accepts this key.")).to_be_visible()
    assert SANDBOX_KEY not in page.content()
    picture(page, "tested-by-night")


def test_a_key_is_revoked_from_the_list(page, gatehouse, picture):
    name = f"Doomed {new_trace()[-8:]}"
    key = gatehouse.manage("create_api_key", name)
    assert gatehouse.chat(key=key).status == 200
    page.goto("/admin/keys/apikey/")
    row = page.locator("#result_list tbody tr", has_text=name)
    row.locator("input[name='_selected_action']").check()
    picture(page, "selected")
    page.locator("select[name='action']").first.select_option(label="Revoke", force=True)
    page.locator("button[name='index'], button[type='submit']").filter(
        has_text=re.compile("Run|Go")
    ).first.click()
    expect(row).to_contain_text("revoked")
    picture(page, "revoked")
    page.wait_for_timeout(1000)
    assert gatehouse.chat(key=key).status == 401


def test_a_form_that_is_filled_in_wrongly_says_so(page, picture):
    add(
        page,
        "integration",
        name="Wrong",
        slug="not a slug",
        provider="OpenAI",
        custom_host="http://169.254.169.254/v1",
    )
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Letters, digits, hyphens and underscores only.")).to_be_visible()
    picture(page, "wrong")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_seen_by_day_and_by_night(browser, gatehouse, picture, theme):
    context = browser.new_context(base_url=gatehouse.url, color_scheme=theme)
    page = context.new_page()
    page.goto("/admin/")
    expect(page.get_by_label("Username")).to_be_visible()
    picture(page, f"login-{theme}")
    page.goto("/docs/")
    expect(page.locator("body")).to_contain_text("chat/completions", timeout=20_000)
    picture(page, f"docs-{theme}")
    context.close()
