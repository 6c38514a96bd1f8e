"""What arrived, told as JSON: so it can be seen what a gateway passes on, byte for byte. Pure."""

import base64

from sandbox import room
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON

HIDDEN = ("authorization", "proxy-authorization", "x-api-key", "api-key", "cookie")


def play(arrived: Arrived) -> Reply:
    path, _, query = arrived.target.partition("?")
    headers = {name: "present" if name in HIDDEN else value for name, value in arrived.headers.items()}
    told: JSON = {"method": arrived.method, "path": path, "query": query, "headers": headers}
    return room.whole(arrived.manners(), told | shown(arrived.modest()))


def shown(body: bytes) -> JSON:
    """The body as text, or in base64 where it is no text; `encoding` says which."""
    try:
        return {"body": body.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "encoding": "base64"}
