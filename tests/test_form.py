"""The model in a multipart form."""

import re
import time
from email import policy
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.parser import BytesParser
from io import BytesIO

import pytest
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from requests import Request

from proxy import form
from proxy.form_headers import AMBIGUOUS, NO_BOUNDARY, UNREADABLE, Unclear
from sandbox import form as sandboxs
from sandbox.speech import Mistaken

TYPE = "multipart/form-data; boundary=xyz"
AUDIO = bytes(range(256)) * 1000
END = b"--xyz--\r\n"


def written(*parts, end=END):
    return b"".join(b"--xyz\r\n%s\r\n\r\n%s\r\n" % part for part in parts) + end


DISPOSITION = b"Content-Disposition: form-data; "
FILE = (DISPOSITION + b'name="file"; filename="a.wav"\r\nContent-Type: audio/wav', AUDIO)
NAMED = DISPOSITION + b'name="model"'
MODEL = (NAMED, b"@openai/whisper-1")


def model(raw, kind=TYPE):
    return form.model(form.read(kind, raw), raw)


def fault(raw, kind=TYPE):
    return form.read(kind, raw).fault


def relabelled(raw, name, kind=TYPE):
    return form.relabelled(form.read(kind, raw), raw, name)


def ordered(raw, name="forced", kind=TYPE):
    return form.with_model(form.read(kind, raw), raw, name)[1]


@pytest.mark.parametrize("parts", [(FILE, MODEL), (MODEL, FILE), (FILE, MODEL, (*FILE[:1], b"x")), (MODEL,)])
@pytest.mark.parametrize("bytes_of", [bytes, bytearray])
def test_the_model_is_found_and_renamed_and_no_other_byte_changes(parts, bytes_of):
    raw = bytes_of(written(*parts))
    assert model(raw) == "@openai/whisper-1"
    assert relabelled(raw, "whisper-1") == ordered(raw, "whisper-1") == raw.replace(b"@openai/", b"")


@pytest.mark.parametrize(
    "head",
    [
        b"content-type: text/plain\r\ncontent-disposition: form-data; name=model",
        b'CONTENT-DISPOSITION: Form-Data;name="model"\r\nContent-Type: text/plain; charset=utf-8',
        b'content-disposition:form-data ; NAME = "model" ;',
        DISPOSITION[:-1] + b'\r\n name="model"',
        b"A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n" + NAMED,
        NAMED + b"\r\nContent-Transfer-Encoding: 8BIT\r\nX-Long: " + b"x" * 8_000,
    ],
)
def test_its_headers_may_be_written_in_several_ways(head):
    raw = written((head, b"m"))
    assert (model(raw), fault(raw)) == ("m", "")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ('multipart/form-data; charset=x; boundary="xyz"', b"xyz"),
        ("multipart/form-data; Boundary=xyz", b"xyz"),
        ("multipart/form-data ;BOUNDARY=xyz;", b"xyz"),
        ("multipart/form-data; x-boundary=A; boundary=xyz", b"xyz"),
        ('multipart/form-data; x="; boundary=A"; boundary=xyz', b"xyz"),
        ('multipart/form-data; boundary="x z"', b"x z"),
        ("multipart/form-data; boundary===x/y:z=", b"==x/y:z="),
        ("multipart/form-data; boundary=" + "b" * 70, b"b" * 70),
    ],
)
def test_the_boundary_is_that_of_the_parameter_of_this_very_name(kind, line):
    raw = written(FILE, MODEL).replace(b"--xyz", b"--" + line)
    assert (model(raw, kind), fault(raw, kind)) == ("@openai/whisper-1", "")
    assert ordered(raw, kind=kind) == raw.replace(b"@openai/whisper-1", b"forced")


PADDING = (DISPOSITION + b'name="padding"', b"p" * 70_000)


@pytest.mark.parametrize(
    "raw",
    [
        written(PADDING, FILE, MODEL, FILE, PADDING),
        b"\r\n" + written(MODEL),
        written(MODEL, end=b"--xyz--"),
        written((DISPOSITION + b'name="file"; filename="x; name=model"', b"RIFF"), MODEL),
        written((DISPOSITION + rb'name="file"; filename="C:\model\a.wav"', b"RIFF"), MODEL),
        written((DISPOSITION + rb'name="file"; filename="a \"model\".wav"', b"RIFF"), MODEL),
        written((DISPOSITION + b'name="file"; filename="a"; filename*=UTF-8\'\'%C3%A4', b"RIFF"), MODEL),
        written(*[(FILE[0], b"x")] * 900, MODEL),
    ],
)
def test_it_is_found_wherever_it_stands(raw):
    assert (model(raw), fault(raw)) == ("@openai/whisper-1", "")
    assert ordered(raw) == raw.replace(b"@openai/whisper-1", b"forced")


@pytest.mark.parametrize(
    "raw",
    [
        written(FILE),
        written((DISPOSITION + b'name="supermodel"', b"m")),
        written((DISPOSITION + b'name="file"; filename="model"', b"m")),
        written((DISPOSITION + b'name="model_2"', b"m")),
        b"\r\n" + written(FILE),
        written(),
    ],
)
def test_a_form_without_one_is_left_alone_or_given_one_at_its_head(raw):
    assert (model(raw), relabelled(raw, "m"), fault(raw)) == ("", raw, "")
    assert ordered(raw) == raw.replace(b"--xyz", b"--xyz\r\n" + NAMED + b"\r\n\r\nforced\r\n--xyz", 1)
    assert model(ordered(raw)) == "forced"


def test_an_empty_model_is_none_and_its_place_is_filled():
    raw = written((NAMED, b""), FILE)
    assert (model(raw), fault(raw)) == ("", "")
    assert ordered(raw) == written((NAMED, b"forced"), FILE)


def test_a_form_with_a_model_can_be_given_another_one():
    raw = written(FILE, MODEL)
    for name in ("@a/longer-than-it-was", "m", "é"):
        for came in (raw, written(FILE)):
            now, sent = form.with_model(form.read(TYPE, came), came, name)
            assert form.model(now, sent) == name
            assert now == form.read(TYPE, sent)


LF = written(MODEL, FILE).replace(b"\r\n", b"\n")
IN_CONTENT = (DISPOSITION + b'name="x"', b"a--xyz\r\n" + NAMED + b"\r\n\r\nm")


@pytest.mark.parametrize(
    ("raw", "said", "seen"),
    [
        (written(MODEL, FILE, (NAMED, b"dear")), form.TWICE, "@openai/whisper-1"),
        (LF, form.MISPLACED, ""),
        (b"\r\n" + LF, form.MISPLACED, ""),
        (written((DISPOSITION + b'name="x"', LF)), form.MISPLACED, ""),
        (written(IN_CONTENT), form.MISPLACED, ""),
        (written(MODEL).replace(b"--xyz\r\n", b"--xyz \r\n"), form.MISPLACED, ""),
        (written(MODEL, end=b"--xyz--x\r\n"), form.SURROUNDED, "@openai/whisper-1"),
        (written(MODEL, end=END + b"An epilogue."), form.SURROUNDED, "@openai/whisper-1"),
        (b"A preamble.\r\nOf two lines.\r\n" + written(MODEL), form.SURROUNDED, "@openai/whisper-1"),
        (written(MODEL, end=END + written(MODEL)), form.SURROUNDED, "@openai/whisper-1"),
        (written(MODEL, end=b""), form.NOT_CLOSED, ""),
        (b"no form", form.NOT_CLOSED, ""),
        (b"", form.NOT_CLOSED, ""),
        (written(*[(FILE[0], b"")] * 1_001), form.TOO_MANY, ""),
        (written((NAMED, b"x" * 513)), form.TOO_LONG, ""),
        (written((NAMED + b"\r\nX: " + b"x" * 8_200, b"m")), form.NO_HEADERS, ""),
        (b"--xyz\r\n" + NAMED + b"\r\n" + END, form.NO_HEADERS, ""),
        (b"--xyz\r\n" + NAMED + b"\r\n\r\n" + END, form.NO_HEADERS, ""),
    ],
)
def test_a_form_that_another_may_read_otherwise_passes_through_and_is_given_no_model(raw, said, seen):
    assert fault(raw) == said
    assert model(raw) == seen
    assert relabelled(raw, "m") == (raw.replace(b"@openai/whisper-1", b"m", 1) if seen else raw)
    with pytest.raises(Unclear, match=r"\w"):
        ordered(raw)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        *(
            (DISPOSITION + each, AMBIGUOUS)
            for each in (
                b'name="model"; filename=""',
                b'name="model"; filename="m.txt"',
                b"name=\"model\"; filename*=utf-8''m",
                b'name="Model"',
                b'name=" model"',
                b"name='model'",
                b'name="<model>"',
                b'name="model[]"',
                rb'name="mod\el"',
                b'name="mod\xe2\x80\x8bel"',
                b'name="model"\r\nContent-Transfer-Encoding: base64',
            )
        ),
        *(
            (DISPOSITION + each, UNREADABLE)
            for each in (
                b"name*=utf-8''model",
                b"name*0=mod; name*1=el",
                b'name="a"; name="model"',
                b'name="model" "x"',
                b'name="model',
                b"name=<model>",
                b"name=mod(x)el",
                b'name="model\0"',
                b'name="a"\nname="model"',
                b'name="a"\rx',
                rb'name="a"; filename="x\"; name=model; y=\""',
                b'name="a"' + b'; x="' * 20,
                b"; ".join(b"x%d=1" % each for each in range(20)) + b"; name=model",
                b'name="a"\r\nContent-Disposition: form-data; name="model"',
                b'name="a"\r\nX: 1\r\n Content-Disposition: form-data; name="model"',
                b'name="a"\r\nno header',
                b'name="a"\r\n' + b"\r\n".join(b"X%d: 1" % each for each in range(40)),
            )
        ),
        (b'Content-Disposition : form-data; name="model"', UNREADABLE),
        (b'Content-Disposition: attachment; name="model"', UNREADABLE),
        (b'Content-Disposition: form-data name="model"', UNREADABLE),
        (b' Content-Disposition: form-data; name="model"', UNREADABLE),
        (b"Content-Disposition: form-data", UNREADABLE),
        (b'Content-Type: text/plain; name="model"', UNREADABLE),
        (b"", UNREADABLE),
        (b'X: 1\r\n Content-Disposition: form-data; name="model"', UNREADABLE),
    ],
)
def test_a_part_of_which_it_is_not_plain_whether_it_is_the_model_is_a_fault(head, said):
    raw = written((head, b"dear"), FILE)
    assert (fault(raw), model(raw), relabelled(raw, "m")) == (said, "", raw)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; x-boundary=xyz",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 71,
        'multipart/form-data; boundary="xyz "',
        "multipart/form-data; boundary=\xff",
        "multipart/form-data; boundary=\u20ac\n",
        "multipart/form-data; x=" + "x" * 9_000 + "; boundary=xyz",
    ],
)
def test_without_a_boundary_there_is_no_form(kind):
    assert (fault(written(MODEL), kind), model(written(MODEL), kind)) == (NO_BOUNDARY, "")


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=xyz; boundary=A",
        "multipart/form-data; boundary*=utf-8''xyz",
        'multipart/form-data; boundary="xyz',
        "multipart/form-data; boundary=xyz A",
        "multipart/form-data; boundary=xyz, multipart/form-data; boundary=A",
    ],
)
def test_a_boundary_that_is_not_plain_is_none(kind):
    assert fault(written(MODEL), kind) == NO_BOUNDARY


def test_a_model_in_which_the_boundary_stands_is_not_written():
    with pytest.raises(Unclear):
        ordered(written(FILE), "a--xyz")


def test_a_file_name_may_end_in_a_backslash_and_a_name_may_not():
    head = b'Content-Disposition: form-data; name="file"; filename="C:\\music\\"'
    assert fault(written((head, AUDIO), MODEL)) == ""
    assert fault(written((b'Content-Disposition: form-data; name="model\\"', b"x"), MODEL)) != ""


def test_a_file_may_be_called_after_a_header():
    head = b'Content-Disposition: form-data; name="file"; filename="Content-Disposition notes.mp3"'
    assert fault(written((head, AUDIO), MODEL)) == ""


@pytest.mark.parametrize(("end", "clear"), [(b"\r\n\r\n", True), (b"\r\n\r\n\r\n", False), (b"\r\nx", False)])
def test_line_ends_behind_the_last_boundary_are_nothing(end, clear):
    assert (fault(written(MODEL, end=b"--xyz--" + end)) == "") is clear


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
ORDINARY = st.text("abcdefgh_.[]-0123456789 äö", min_size=1, max_size=20)
FILENAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)
VALUES = st.dictionaries(ORDINARY, TEXTS, max_size=4)
FILES = st.dictionaries(ORDINARY, st.tuples(FILENAMES, st.binary(max_size=200)), max_size=3)
NAMES = st.none() | st.text("abc/@-é0", max_size=30)


@given(VALUES, FILES.filter(bool), NAMES)
@settings(max_examples=200, deadline=None)
def test_what_requests_writes_is_read(values, files, name):
    data = values if name is None else {**values, "model": name}
    sent = Request("POST", "http://x", files=files, data=data).prepare()
    kind = sent.headers["content-type"]
    assert (model(sent.body, kind), fault(sent.body, kind)) == (name or "", "")
    told = django(kind, ordered(sent.body, kind=kind))
    assert told == ["forced"]


@given(
    st.dictionaries(st.text("abc_ ", min_size=1), TEXTS, min_size=1, max_size=3),
    st.lists(st.tuples(st.text("abc_", min_size=1), ORDINARY, st.binary(max_size=200)), max_size=3),
    st.none() | st.text("abc/@-0", max_size=30),
)
@settings(max_examples=200, deadline=None)
def test_what_the_email_package_writes_is_read(values, files, name):
    whole = MIMEMultipart("form-data")
    for each, text in [*values.items(), *([] if name is None else [("model", name)])]:
        part = MIMEText(text, "plain", "us-ascii" if each == "model" else "utf-8")
        part.add_header("Content-Disposition", "form-data", name=each)
        whole.attach(part)
    for each, filename, content in files:
        part = MIMEApplication(content)
        part.add_header("Content-Disposition", "form-data", name=each, filename=filename)
        whole.attach(part)
    text = whole.as_bytes(policy=policy.HTTP)
    raw = text[text.index(b"\r\n\r\n") + 4 :]
    kind = whole["content-type"]
    assert (model(raw, kind), fault(raw, kind)) == (name or "", "")


def django(kind, raw):
    """The values of the field `model` as Django reads them; [] where it refuses the form."""
    environ = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(raw))}
    try:
        fields, _ = MultiPartParser(environ, BytesIO(raw), [MemoryFileUploadHandler()], "utf-8").parse()
    except (MultiPartParserError, SuspiciousOperation):
        return []
    return fields.getlist("model")


def emails(kind, raw):
    """The contents of the parts named `model` as the email package reads them."""
    whole = BytesParser(policy=policy.compat32).parsebytes(b"Content-Type: %s\r\n\r\n" % kind.encode() + raw)
    parts = whole.get_payload() if whole.is_multipart() else []
    return [
        part.get_payload()
        for part in parts
        if str(part.get_param("name", header="content-disposition")).lower() == "model"
    ]


DISPOSED = re.compile(rb'^\s*content-disposition:.*\sname="model"', re.I | re.M)


def split(kind, raw):
    """The same by the plainest of ways: cut wherever the boundary stands."""
    sections = [each.replace(b"\r\n", b"\n").partition(b"\n\n") for each in raw.split(b"--xyz")[1:]]
    return [content for head, _, content in sections if re.search(DISPOSED, head)]


def pretended(kind, raw):
    """The same as the sandbox reads it."""
    try:
        parts = sandboxs.parts(kind, raw)
    except Mistaken:
        return []
    return [parts["model"].data] if "model" in parts else []


PIECES = st.sampled_from(
    [
        *(b"--xyz", b"--xyz--", b"--xy", b"--", b"\r\n", b"\n", b"\r", b" ", b"\t", b";", b'"', b"\\", b":"),
        *(b"Content-Disposition: form-data", b'name="model"', b"name=model", b'filename="a', b'name="a"'),
        *(b"\r\n\r\n", b"dear", b"--xyz\r\n", b"\r\n--xyz\r\n", b"\r\n--xyz--\r\n", b"X: 1\r\n"),
        *(b"--xyz\r\n" + NAMED + b"\r\n\r\ncheap\r\n", DISPOSITION + b'name="a"', NAMED, b"name*=", b"\0"),
    ]
)


def broken(raw, cuts):
    """The form with pieces put into it, or in the place of some bytes."""
    for place, gone, piece in cuts:
        at = place % (len(raw) + 1)
        raw = raw[:at] + piece + raw[at + gone :]
    return raw


SMALL = (FILE[0], b"RIFF")
CUTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 4), PIECES), max_size=4)


@given(st.permutations([SMALL, MODEL, (DISPOSITION + b'name="x"', b"1")]), CUTS)
@example([SMALL], [(0, 0, NAMED + b"\r\n\r\ndear\r\n")])
@example([SMALL], [(400, 0, NAMED + b"\r\n\r\ndear\r\n--xyz--")])
@settings(max_examples=500, deadline=None)
def test_where_a_model_is_set_nobody_finds_another(parts, cuts):
    raw = broken(written(*parts), cuts)
    try:
        sent = ordered(raw)
    except Unclear:
        return
    for reader in (django, emails, split, pretended):
        for found in reader(TYPE, sent):
            text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
            assert text.strip() == "forced", reader.__name__


@given(st.text(max_size=60), st.lists(PIECES | st.binary(max_size=20), max_size=60).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_nothing_fails(kind, raw):
    for each in (f"multipart/form-data; boundary={kind}", kind, TYPE):
        relabelled(raw, model(raw, each), each)


@pytest.mark.parametrize(
    "line",
    [
        b"--b\r\n",
        b"--b\r\na\r\n",
        b"--b\r\ncontent-disposition: form-data; name=model\r\n",
        b"--b\r\ncontent-disposition:" + b";name=model" * 18 + b"\r\n",
        b"--b\r\ncontent-disposition:" + b";" * 8_000 + b"\r\n\r\n\r\n",
        b"--b\r\ncontent-disposition: form-data; name=" + b'"' * 8_000 + b"\r\n\r\n\r\n",
        b'--b\r\ncontent-disposition: form-data; x="' + b"\\a" * 4_000 + b"\r\n\r\n\r\n",
        b"--b\r\n" + b"a:\r\n" * 2_000 + b"\r\n\r\n",
        b"--b\r\n" + b"content-disposition:\r\n " * 350 + b"\r\n\r\n",
        b"a\r\n",
        b"--",
    ],
)
def test_no_form_takes_long_to_read(line):
    raw = (line * (8_000_000 // len(line) + 1))[:8_000_000]
    began = time.process_time()
    assert model(raw, "multipart/form-data; boundary=b") == ""
    assert time.process_time() - began < 2


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 16, 100])
def test_it_is_read_a_piece_at_a_time_and_others_have_their_turns(monkeypatch, piece):
    offered = []
    raw = written((FILE[0], b"R" * 2_000), MODEL, (FILE[0], b"R" * 500))
    whole = form.read(TYPE, raw)
    monkeypatch.setattr(form, "PIECE", piece)
    monkeypatch.setattr(form.Turn, "offer", lambda self: offered.append(1))
    assert form.read(TYPE, raw) == whole
    assert ordered(raw) == raw.replace(b"@openai/whisper-1", b"forced")
    assert len(offered) >= 3 * 2_500 // piece
