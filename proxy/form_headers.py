"""What the headers of a multipart form say: its boundary, and the name of a part.

Who gets the form has a parser of its own, and parsers differ wherever a header is not plainly written: a
quote inside a quoted text, a name told twice or in RFC 2231's way. What two of them could take for two things
is Unclear here, and never guessed. (https://www.rfc-editor.org/rfc/rfc7578, rfc2046, rfc6266)
"""

import re

MODEL = b"model"  # the part that names it
LONGEST = 8 * 1024  # bytes of a part's headers, and of a content type
MOST_LINES, MOST_PARAMETERS = 32, 16
BLANK = b" \t"
DISPOSITION = b"content-disposition"

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
TITLE = re.compile(TOKEN + b"++")
PARAMETER = re.compile(
    rb"[ \t]*+;[ \t]*+(?:(" + TOKEN + rb'++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s"\\<>()\[\],;]++)))?'
)
# At the very end a backslash before the quote is part of the text: of a path on Windows, in Shift-JIS.
LAST = re.compile(rb"[ \t]*+;[ \t]*+(" + TOKEN + rb'++)[ \t]*+=[ \t]*+"([^"]*+)"()\Z')
BOUNDARY = re.compile(rb"(?! )[!#-\[\]-~ ]{1,70}(?<! )")
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
TITLED = re.compile(rb"(?:^|[\r\n])[ \t]*+content-disposition", re.IGNORECASE)  # also in a folded line
NAMING = re.compile(rb"\bname[*0-9 \t]*=", re.IGNORECASE)
ORNAMENT = re.compile(rb"[^a-z0-9_-]+")
AS_IT_IS = (b"", b"7bit", b"8bit", b"binary")  # encodings that change nothing


class Unclear(ValueError):
    """It cannot be said with certainty what a form tells; the text says why, of `it`."""


UNREADABLE = "the headers of a part cannot be read"
NO_BOUNDARY = "its content type names no boundary, or not plainly"
AMBIGUOUS = "one of its parts may be taken for the model or not"


def boundary(content_type: str) -> bytes:
    """The boundary that a form's content type names. Raises Unclear."""
    text = content_type.encode("latin-1", "replace").strip(BLANK)
    if len(text) > LONGEST or CONTROL.search(text):
        raise Unclear(NO_BOUNDARY)
    try:
        found = parameters(text)[1].get(b"boundary", b"")
    except Unclear:
        raise Unclear(NO_BOUNDARY) from None
    if not BOUNDARY.fullmatch(found):
        raise Unclear(NO_BOUNDARY)
    return found


def name(headers: bytes) -> bytes:
    """The name of a part by its headers, which each must have. Raises Unclear, also for a model in doubt."""
    told = fields(headers)
    if DISPOSITION not in told or len(TITLED.findall(headers)) > 1:
        raise Unclear(UNREADABLE)
    disposition = told[DISPOSITION]
    kind, found = parameters(disposition)
    if (
        kind != b"form-data"
        or b"name" not in found
        or (b'\\"' in disposition and len(NAMING.findall(disposition)) > 1)
    ):
        raise Unclear(UNREADABLE)
    named = found[b"name"]
    if ORNAMENT.sub(b"", named.lower()) != MODEL:
        return named
    is_file = any(each.startswith(b"filename") for each in found)
    encoding = told.get(b"content-transfer-encoding", b"").lower()
    if named != MODEL or is_file or encoding not in AS_IT_IS:
        raise Unclear(AMBIGUOUS)
    return named


def fields(headers: bytes) -> dict[bytes, bytes]:
    """A part's headers by their lower-case names. Raises Unclear."""
    found: dict[bytes, bytes] = {}
    unfolded = headers.replace(b"\r\n ", b" ").replace(b"\r\n\t", b"\t")
    for line in unfolded.split(b"\r\n", MOST_LINES) if headers else ():
        title, colon, value = line.partition(b":")
        title = title.lower()
        if not colon or not TITLE.fullmatch(title) or title in found or CONTROL.search(value):
            raise Unclear(UNREADABLE)
        found[title] = value.strip(BLANK)
    return found


def parameters(text: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """`form-data; name="x"` → `form-data`, and the rest by lower-case names. Raises Unclear.

    Backslashes stay where they stand, for browsers mean them, and others escape with them.
    """
    word, _, _ = text.partition(b";")
    found: dict[bytes, bytes] = {}
    at = len(word)
    for _ in range(MOST_PARAMETERS):
        if at == len(text):
            return word.strip(BLANK).lower(), found
        each = LAST.match(text, at) or PARAMETER.match(text, at)
        if each is None:
            break
        at = each.end()
        add(found, each)
    raise Unclear(UNREADABLE)


def add(found: dict[bytes, bytes], each: re.Match[bytes]) -> None:
    """A parameter with those before it. Raises Unclear if it is there, or in RFC 2231's way."""
    title, quoted, plain = each.groups()
    if title is None:  # after the last semicolon
        return
    title = title.lower()
    if title in found or (b"*" in title and not title.startswith(b"filename")):
        raise Unclear(UNREADABLE)
    found[title] = plain if quoted is None else quoted
