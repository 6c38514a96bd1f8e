"""OpenAI's files, pretended: nothing is kept, so a file is whatever its id makes it. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/files. An upload is told back as
it came; an id asked for later gets a made-up file of that id.
"""

from sandbox import form, room
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Mistaken, second, seeded

PURPOSES = ("assistants", "batch", "evals", "fine-tune", "user_data", "vision")
HASHED = 65_536  # bytes of a file that its id depends on, beside its name and size
LISTED = 2


def upload(arrived: Arrived) -> Reply:
    parts = form.parts(arrived.headers.get("content-type", ""), arrived.body)
    file, purpose = form.file(parts), form.field(parts, "purpose")
    if purpose not in PURPOSES:
        message = f"'{purpose}' is not one of {list(PURPOSES)} - 'purpose'"
        raise Mistaken(message, param="purpose")
    seed = seeded(file.filename, len(file.data), file.data[:HASHED])
    return room.whole(arrived.manners(), told(f"file-{seed[:24]}", file.filename, len(file.data), purpose))


def told(name: str, filename: str, size: int, purpose: str) -> JSON:
    return {
        "id": name,
        "object": "file",
        "bytes": size,
        "created_at": second(seeded(name)),
        "expires_at": None,
        "filename": filename,
        "purpose": purpose,
        "status": "processed",
        "status_details": None,
    }


def listing(arrived: Arrived) -> Reply:
    names = [f"file-{seeded('listed', place)[:24]}" for place in range(LISTED)]
    page: JSON = {"object": "list", "data": [pretended(name) for name in names], "has_more": False}
    return room.whole(arrived.manners(), page | {"first_id": names[0], "last_id": names[-1]})


def pretended(name: str) -> JSON:
    return told(name, "sandbox.txt", len(content_of(name)), "user_data")


def content_of(name: str) -> bytes:
    return f"This is {name}.\n".encode(errors="replace")


def metadata(arrived: Arrived) -> Reply:
    return room.whole(arrived.manners(), pretended(known(arrived.name)))


def known(name: str) -> str:
    if name.startswith("file-"):
        return name
    raise Mistaken(f"No such File object: {name}", param="id", status=404)


def content(arrived: Arrived) -> Reply:
    return Reply(arrived.manners(), (content_of(known(arrived.name)),), "application/octet-stream")


def deletion(arrived: Arrived) -> Reply:
    return room.whole(arrived.manners(), {"id": known(arrived.name), "object": "file", "deleted": True})
