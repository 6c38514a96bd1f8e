"""What README.md tells people to paste works as it stands."""

import re
import subprocess
import sys

import pytest

from tests.servers import KINDS, ROOT, Yard

pytestmark = pytest.mark.server

README = (ROOT / "README.md").read_text()
PASTED = re.findall(r"^```(bash|python|js)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
# What a call prints; the first that stands in the code is the one it makes.
PRINTED = {
    "chat/completions": "Hello",
    "chat.completions.create": "Hello",
    "completions.create": "Say this is a test",
    "embeddings.create": "1536",
    "messages.create": "Hello",
}
SHOWN = {
    ("bash", "chat/completions"),
    ("python", "chat.completions.create"),
    ("js", "chat.completions.create"),
    ("python", "completions.create"),
    ("js", "completions.create"),
    ("python", "embeddings.create"),
    ("python", "messages.create"),
}


@pytest.fixture(scope="module")
def server(yard: Yard):
    with yard.started(next(iter(KINDS.values()))) as server:
        yield server


def run(language: str, code: str) -> subprocess.CompletedProcess[str]:
    command = {
        "bash": ["bash", "-c", code],
        "python": [sys.executable, "-c", code],
        "js": ["node", "--input-type=module", "-e", code],
    }[language]
    return subprocess.run(command, cwd=ROOT / "tests" / "node", capture_output=True, text=True, timeout=60)


def call(code: str) -> str:
    return next(call for call in PRINTED if call in code)


@pytest.mark.parametrize(
    ("language", "code"),
    [pytest.param(*pair, marks=[pytest.mark.node] if pair[0] == "js" else []) for pair in PASTED],
)
def test_each_way_to_call_works_as_written(server, language, code):
    done = run(
        language, code.replace("http://127.0.0.1:8000", server.url).replace("gh-your-key", server.api_key)
    )
    assert PRINTED[call(code)] in done.stdout, done.stderr


def test_there_is_a_way_for_curl_and_for_each_sdk():
    assert {(language, call(code)) for language, code in PASTED} >= SHOWN
    for imported in (
        "from portkey_ai",
        "from openai",
        "from anthropic",
        'from "portkey-ai"',
        'from "openai"',
    ):
        assert any(imported in code for _, code in PASTED)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_what_it_links_to_is_there(path):
    assert (ROOT / path).exists()
