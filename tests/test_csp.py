"""No page of ours needs more than its content security policy gives, seen in a real browser on every page."""

import os
import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright
from unfold.settings import CONFIG_DEFAULTS

from gateway_site import csp
from tests.needs import chromium
from tests.prepare import ADMIN, PASSWORD
from tests.servers import KINDS, ROOT, Gatehouse, Yard

REPORT = """
    document.addEventListener("securitypolicyviolation", event =>
        console.error(event.violatedDirective, event.blockedURI, event.sample))
"""
NO_ICON = "/favicon.ico"  # browsers ask for one, and there is none
MEANT = {
    "1 + 2 * 3 - -4 % 3": 8,
    "i > 1 && !no || 'never'": True,
    "no ?? b": "a",
    "no?.list": None,
    "i === 2 ? 'two' : i == 3 ? 'three' : 'many'": "two",
    "['a', \"b\"].includes(b)": True,
    "{ 'x:y!': i >= 2, b, n: [1e3, 0.5 < 1] }": {"x:y!": True, "b": "a", "n": [1000, True]},
    "o.list[1].y + o['list'][0].toUpperCase()": "zX",
    "((first, second) => first + second)(i, 3)": 5,
    "i++; i += 2; i": 5,
    "if (i > 5) { i = 0 } else { i = i - 1; b = 'c' } b + i": "c1",
    "'it\\'s \\u0041'": "it's A",
    "typeof o": "object",
    " ; ": None,
}
REFUSED = [
    "fetch('/')",
    "document.cookie",
    "window.fetch('/')",
    "[].map.constructor('1')()",
    "a['cons' + 'tructor']",
    "a = ",
    "a a",
    "a) a",
    "{ a",
    "1 = 2",
    "new Date()",
    "`a`",
]
FORMS = ("add", "change", "delete")
LEFT_OUT = {"admin:logout", "admin:view_on_site", "admin:jsi18n", "admin:logs_requestlog_export"}


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/no/such/page/"])
@pytest.mark.django_db
def test_every_page_has_a_policy_by_which_no_text_becomes_code(path):
    client = Client(raise_request_exception=False)
    policy = client.get(path, follow=True)[csp.HEADER]
    assert policy == csp.POLICY
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["script-src"] == "'self'"
    assert "unsafe-eval" not in policy
    assert [name for name, value in rules.items() if "unsafe" in value] == ["style-src-attr"]


def test_a_page_keeps_the_policy_it_brings_and_what_is_no_page_gets_none():
    def answering(response: HttpResponse) -> dict[str, str]:
        return csp.ContentSecurityPolicy(lambda request: response)(None).headers

    own = HttpResponse(headers={csp.HEADER: "default-src 'none'"})
    assert answering(own)[csp.HEADER] == "default-src 'none'"
    assert csp.HEADER not in answering(HttpResponse("{}", content_type="application/json"))


def test_the_admin_keeps_unfolds_colours():
    sheet = (ROOT / "gateway_site/static/gateway_site/colors.css").read_text()
    colors = {
        (f"--color-{name}-{weight}", value)
        for name, weights in CONFIG_DEFAULTS["COLORS"].items()
        for weight, value in weights.items()
    }
    assert set(re.findall(r"(--[\w-]+): ([^;]+);", sheet)) == colors


@pytest.fixture(scope="module")
def site(yard: Yard) -> Iterator[Gatehouse]:
    """A server that has had a call, on which pages may be changed."""
    with yard.started(KINDS["sqlite-1-worker"]) as site:
        assert site.chat(headers={"x-portkey-trace-id": "a-call"}).status == 200
        site.row("a-call")
        yield site


@pytest.fixture(scope="module")
def page(site: Gatehouse) -> Iterator[Page]:
    """Of somebody who is logged in. What its policy forbids, and what a script cannot do, fails the test."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # what Django takes for a running loop is playwright's own
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = browser.new_context(base_url=site.url, viewport={"width": 1400, "height": 1000})
        context.set_default_timeout(20_000)
        context.add_init_script(REPORT)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(complaint(page, said)) if is_wrong(said) else None)
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        page.goto("/admin/")
        page.get_by_label("Username").fill(ADMIN)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{site.url}/admin/")
        yield page
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    assert wrong == []


def is_wrong(said: ConsoleMessage) -> bool:
    return said.type == "error" and not said.location["url"].endswith(NO_ICON)


def complaint(page: Page, said: ConsoleMessage) -> str:
    return f"{page.url}: {said.text}"


def views_from(page: Page, start: str) -> Iterator[str]:
    """Goes to one page of each view that links lead to; the name of each."""
    ahead, seen = [start], set[str]()
    while ahead:
        path = ahead.pop(0)
        view = resolve(path.split("?")[0]).view_name or path
        if view in seen | LEFT_OUT:
            continue
        seen.add(view)
        page.goto(path)
        links = page.locator("a[href]").evaluate_all(
            "links => links.filter(a => a.origin === location.origin).map(a => a.pathname + a.search)"
        )
        ahead += [link for link in links if link.startswith(("/admin/", "/docs/"))]
        yield view


@pytest.mark.server
@pytest.mark.browser
def test_every_page_works_under_its_policy(page):
    seen = set(views_from(page, "/admin/"))
    listed = {f"admin:{model._meta.label_lower.replace('.', '_')}_changelist" for model in shown()}
    forms = {f"admin:{name}_{form}" for name in ("keys_apikey", "auth_user") for form in FORMS}
    assert seen >= listed | forms | {"password_change", "gateway_site.docs.page"}


def shown() -> list[type[Model]]:
    """The models that the index of the admin leads to."""
    request = RequestFactory().get("/admin/")
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    return [
        model for model, options in admin.site._registry.items() if options.has_module_permission(request)
    ]


@pytest.mark.server
@pytest.mark.browser
def test_what_moves_in_the_admin_moves_under_its_policy(page):
    the_theme_changes(page)
    the_sidebar_goes_and_comes(page)
    a_page_is_found_by_its_name(page)
    rows_are_chosen_filtered_and_deleted_on_a_second_word(page)
    a_day_is_picked(page)


def the_theme_changes(page: Page) -> None:
    before = page.locator("html").get_attribute("class")
    page.keyboard.press("Control+e")
    expect(page.locator("html")).not_to_have_class(str(before or ""))


def the_sidebar_goes_and_comes(page: Page) -> None:
    button = page.locator("[x-on\\:click*='sidebarDesktopOpen']")
    for kept in ("0", "1"):
        button.click()
        assert page.evaluate("localStorage.getItem('sidebarDesktopOpen')") == kept


def a_page_is_found_by_its_name(page: Page) -> None:
    page.keyboard.press("Control+k")
    words = page.locator("[x-ref='searchInputCommand']")
    # In one go: where keys come slowly there are several searches, and their order is open.
    words.fill("group")
    words.press("End")
    expect(page.locator("#command-results-list li")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/admin/auth/group/$"))


def rows_are_chosen_filtered_and_deleted_on_a_second_word(page: Page) -> None:
    page.goto("/admin/auth/user/")
    page.get_by_text("Filters").first.click()
    expect(page.locator("#changelist-filter")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#changelist-filter")).to_be_hidden()
    page.locator("input[name='_selected_action']").first.check()
    run = page.locator("button[name='index']")
    expect(run).to_be_hidden()
    page.locator("select[name='action']").first.select_option("delete_selected", force=True)
    run.click()
    expect(page.get_by_role("button", name="Yes")).to_be_visible()


def a_day_is_picked(page: Page) -> None:
    page.goto("/admin/auth/user/1/change/")
    field = page.locator("input.vDateField").first
    before = field.input_value()
    page.locator(".datetimeshortcuts a:visible").first.click()
    page.locator(".calendarbox td:not(.selected) a:visible").nth(9).click()
    assert field.input_value() != before


@pytest.mark.server
@pytest.mark.browser
def test_expressions_mean_what_they_mean_in_javascript(page):
    page.goto("/admin/")
    names = {"i": 2, "b": "a", "no": None, "o": {"list": ["x", {"y": "z"}]}}
    for source, meant in MEANT.items():
        found = page.evaluate("([source, names]) => compiled(source)(names)", [source, names])
        assert (source, found) == (source, meant)


@pytest.mark.server
@pytest.mark.browser
def test_expressions_reach_nothing_but_what_the_pages_need(page):
    page.goto("/admin/")
    for source in REFUSED:
        tried = "source => { try { compiled(source)({a: 1}) } catch (error) { return error.name } }"
        assert page.evaluate(tried, source) in ("SyntaxError", "ReferenceError", "TypeError"), source
