"""README's pictures: a server with some calls, and its screens as a browser shows them.

`make pictures` writes them to docs/pictures/; tests/test_pictures.py takes them anew and looks at what they
show. What they show is the same each time, but for times, ids and hints of keys.
"""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests import needs, postgres
from tests.prepare import ADMIN, PASSWORD
from tests.servers import ROOT, SANDBOX_KEY, Gatehouse, environment

FOLDER = ROOT / "docs" / "pictures"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
NO_TOKEN = "gh-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"  # in a new key's place
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
        },
    },
}
PICTURED = "trip-to-paris"  # the trace id of the one call that is looked at


@dataclass(frozen=True, slots=True)
class Picture:
    """A screen: how one comes there, how much of it is kept, and what is to stand on it."""

    name: str
    go: Callable[[Page, Gatehouse], None]
    size: tuple[int, int]  # below 1280 the sidebar makes way
    shows: tuple[str, ...]


def overview(page: Page, gatehouse: Gatehouse) -> None:
    page.goto("/admin/")


def virtual_key(page: Page, gatehouse: Gatehouse) -> None:
    page.goto("/admin/keys/virtualkey/add/")
    page.get_by_label("Provider").select_option("OpenAI")
    page.locator("[name='secret']").fill(SANDBOX_KEY)
    page.locator("[name='name']").fill("OpenAI, second account")
    page.locator("[name='slug']").fill("openai-second")


def api_key(page: Page, gatehouse: Gatehouse) -> None:
    page.goto("/admin/keys/apikey/add/")
    page.locator("[name='name']").fill("Mobile app")
    page.locator(".field-workspace .select2-selection").click()
    page.locator(".select2-results__option", has_text="Default").first.click()
    page.get_by_role("button", name="Save", exact=True).click()
    shown = page.get_by_label("API key")
    assert len(shown.input_value()) == len(NO_TOKEN)
    shown.evaluate("(field, text) => { field.value = text }", NO_TOKEN)


def requests(page: Page, gatehouse: Gatehouse) -> None:
    page.goto("/admin/logs/requestlog/")


def request(page: Page, gatehouse: Gatehouse) -> None:
    page.goto(f"/admin/logs/requestlog/{gatehouse.row(PICTURED)['id']}/change/")


def config(page: Page, gatehouse: Gatehouse) -> None:
    page.goto("/admin/configs/config/")
    page.get_by_role("link", name="Paid plans first").click()
    page.get_by_role("link", name="Dry run").click()
    page.locator("[name='metadata']").fill('{"plan": "paid"}')
    page.get_by_role("button", name="Which target?").click()
    page.get_by_text("Where it would go").wait_for()
    page.evaluate("document.querySelectorAll('.gh-panel')[1].remove()")  # the form, to show what came of it


def audit(page: Page, gatehouse: Gatehouse) -> None:
    page.goto("/admin/audit/auditevent/")


PICTURES = (
    Picture("overview", overview, (1280, 800), ("Add virtual key", "Last requests", "claude-haiku-4-5")),
    Picture("virtual-key", virtual_key, (1280, 1180), ("OpenAI project", "Or use an existing integration")),
    Picture("api-key", api_key, (1200, 380), ("Copy this key now", "Mobile app")),
    Picture("requests", requests, (1200, 840), ("Export", "TRUNCATED · 200", "FAILED · 429")),
    Picture("request", request, (1200, 1200), ("Will I need an umbrella", "calls weather", "Usage and cost")),
    Picture("config", config, (1200, 1280), ("It goes to @claude", "if metadata.plan is", "95 %")),
    Picture("audit", audit, (1200, 640), ("Signed in", "mistral-trial", "203.0.113.7")),
)


def calls(gatehouse: Gatehouse) -> None:
    """What an app asks on some day, and waits until all of it is in the log."""

    def ask(trace: str, virtual_key: str, model: str, *messages: dict[str, Any], **more: Any) -> None:
        headers = {
            "x-portkey-trace-id": trace,
            "x-portkey-metadata": '{"_user": "u-1842", "feature": "trips"}',
        }
        body = {"model": model, "messages": messages, **more}
        gatehouse.ask(body, virtual_key=virtual_key, headers=headers)

    def user(text: str) -> dict[str, Any]:
        return {"role": "user", "content": text}

    ask("greeting", "openai-prod", "gpt-4o-mini", user("Good morning! Where is my order?"))
    ask("too-many", "openai-prod", "gpt-4o", user("Once more? [[status 429]] [[retry-after 2]]"))
    ask("story", "claude", "claude-sonnet-4-5", user("A story [[events 80]]"), stream=True, max_tokens=500)
    ask("cut-off", "openai-prod", "gpt-4o", user("A poem [[events 30]] [[unfinished 8]]"), stream=True)
    ask("summary", "claude", "claude-haiku-4-5", user("Sum this up in a line. " * 40), max_tokens=200)
    ask("numbers", "openai-prod", "gpt-4.1-mini", user("What is 12 times 12?"))
    ask("down", "claude", "claude-sonnet-4-5", user("Are you there? [[status 529]]"), max_tokens=50)
    ask("reply", "openai-prod", "gpt-4o-mini", user("Thank you, that is all."), stream=True)
    ask(PICTURED, "openai-prod", "gpt-4o", *conversation(), tools=[WEATHER])
    gatehouse.row(PICTURED)


def conversation() -> tuple[dict[str, Any], ...]:
    arguments = '{"city": "Paris", "unit": "celsius"}'
    asked = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    return (
        {"role": "system", "content": "You help people plan a trip. Be brief."},
        {"role": "user", "content": "Will I need an umbrella in Paris tomorrow?"},
        {"role": "assistant", "content": None, "tool_calls": [asked]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees": 18, "rain": "10 %"}'},
    )


@contextlib.contextmanager
def served(home: Path) -> Iterator[Gatehouse]:
    """A server with all that the pictures show, its data below `home`."""
    data, port = home / "data", postgres.free_port()
    data.mkdir(mode=0o700)
    env = environment(data, port) | {"WEB_CONCURRENCY": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.pictures_data"],
        cwd=ROOT,
        env=env | {"DJANGO_SETTINGS_MODULE": "gateway_site.settings"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    gatehouse = Gatehouse(data, port, env, {"api_key": done.stdout.strip()})
    try:
        gatehouse.start()
        calls(gatehouse)
        yield gatehouse
    finally:
        if gatehouse.master:
            gatehouse.stop(10)


def take(gatehouse: Gatehouse, folder: Path) -> dict[str, str]:
    """Writes the pictures, one file each; the text of each screen by the picture's name."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=needs.chromium(), args=ARGUMENTS)
        context = browser.new_context(base_url=gatehouse.url, color_scheme="light", reduced_motion="reduce")
        page = context.new_page()
        sign_in(page)
        texts = {picture.name: one(page, gatehouse, picture, folder) for picture in PICTURES}
        browser.close()
    return texts


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill(ADMIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def one(page: Page, gatehouse: Gatehouse, picture: Picture, folder: Path) -> str:
    width, height = picture.size
    page.set_viewport_size({"width": width, "height": height})
    picture.go(page, gatehouse)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.evaluate("document.fonts.ready")
    page.screenshot(path=folder / f"{picture.name}.png", animations="disabled")
    return page.locator("#page").inner_text()


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as gatehouse:
        take(gatehouse, FOLDER)


if __name__ == "__main__":
    main()
