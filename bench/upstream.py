"""The provider behind every contestant: an nginx that answers at once, and streams at a pace.

Three base URLs: `chat` answers whole; `events` streams 50 events 10 ms apart, so that each is a read of its
own; `paced` streams 50 events 100 ms apart. Each event carries the millisecond in which it was sent.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from bench.processes import Processes, answers, free_port

KINDS = ("chat", "events", "paced")
EVENTS = 50
PACES = {"events": 0.01, "paced": 0.1}  # seconds between events
STAMP = "T0000000000000"
MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
PLACES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules")

MESSAGE = "Good morning! It is 12 degrees and cloudy in Oslo, and it will stay so until the evening."
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1735689600,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": MESSAGE, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 24,
        "completion_tokens": 21,
        "total_tokens": 45,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    },
    "system_fingerprint": "fp_bench",
}


class Nginx:
    """The running upstream; `url(kind)` is the base URL a contestant is given."""

    def __init__(self, processes: Processes, folder: Path, core: int) -> None:
        self.port = free_port()
        folder.mkdir()
        config = folder / "nginx.conf"
        config.write_text(configuration(folder, self.port))
        command = [program(), "-p", str(folder), "-c", str(config), "-e", "stderr"]
        answers(processes.start("nginx", command, core=core), self.port, "/")

    def url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.port}/{kind}/v1"


def program() -> str:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin") or ""


def missing() -> str:
    """What this upstream lacks here; empty if nothing."""
    if not program():
        return "nginx (Debian: apt install nginx libnginx-mod-http-lua)"
    if not modules():
        return "nginx's Lua module (Debian: apt install libnginx-mod-http-lua)"
    return ""


def modules() -> list[str]:
    for place in PLACES:
        found = [str(Path(place, name)) for name in MODULES if Path(place, name).exists()]
        if len(found) == len(MODULES):
            return found
    return []


def version() -> str:
    if not program():
        return "none"
    said = subprocess.run([program(), "-v"], capture_output=True, text=True, check=True).stderr
    return said.strip().partition("/")[2].split()[0]


def stream() -> list[str]:
    """The events of a stream, STAMP where the time goes; after them comes the terminal marker."""
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": STAMP}, None)]
    deltas += [({"content": f" {STAMP}"}, None)] * (EVENTS - 2)
    deltas += [({"content": f" {STAMP}"}, "stop")]
    return [f"data: {json.dumps(chunk(*delta), separators=(',', ':'))}" for delta in deltas]


def chunk(delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    head = {key: ANSWER[key] for key in ("id", "created", "model", "system_fingerprint")}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**head, "object": "chat.completion.chunk", "choices": [choice]}


def configuration(folder: Path, port: int) -> str:
    loads = "\n".join(f"load_module {module};" for module in modules())
    temporary = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    streams = "\n".join(paced_location(kind, seconds) for kind, seconds in PACES.items())
    return f"""
{loads}
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 8192;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  default_type application/json;
{temporary}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = / {{ return 200 'ready'; }}
    location = /chat/v1/chat/completions {{ return 200 '{json.dumps(ANSWER)}'; }}
{streams}
  }}
}}
"""


def paced_location(kind: str, seconds: float) -> str:
    listed = ", ".join(f"[==[{event}]==]" for event in stream())
    return f"""
    location = /{kind}/v1/chat/completions {{
      content_by_lua_block {{
        local events = {{ {listed} }}
        ngx.req.read_body()
        ngx.header.content_type = "text/event-stream; charset=utf-8"
        for i, event in ipairs(events) do
          if i > 1 then ngx.sleep({seconds}) end
          ngx.update_time()
          local stamp = string.format("T%013d", ngx.now() * 1000)
          ngx.print((string.gsub(event, "{STAMP}", stamp)), "\\n\\n")
          ngx.flush(true)
        end
        ngx.print("data: [DONE]\\n\\n")
      }}
    }}"""
