"""Frames of a stream, however its bytes were cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import framing
from providers.errors import Garbled
from providers.framing import PAUSE, sse_frames
from providers.types import Frame

TWO = ": hi\n\nevent: a\ndata: 1\n\ndata: café ☂\r\ndata: 2\r\n\r\nid: 7\rdata:3\r\rdata: x\n\n".encode()
FRAMES = [("", b""), ("a", b"1"), ("", "café ☂\n2".encode()), ("", b"3"), ("", b"x")]


def read(chunks):
    return list(sse_frames(chunks))


def cut(data, places):
    places = [0, *sorted(set(places)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places) if start < end]


def test_every_line_end_comments_several_data_lines_and_a_missing_space():
    assert [(frame.event, frame.data) for frame in read([TWO])] == FRAMES


@given(st.lists(st.integers(0, len(TWO)), max_size=12))
def test_frames_do_not_depend_on_how_the_bytes_were_cut(places):
    assert read(cut(TWO, places)) == read([TWO])


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=8))
def test_no_byte_is_lost_or_added(data, places):
    chunks = cut(data, [place for place in places if place < len(data)])
    assert b"".join(frame.raw for frame in read(chunks)) == data


@given(st.text("d:a \r\n", max_size=40), st.lists(st.integers(0, 40), max_size=8))
def test_line_ends_of_any_mixture_are_cut_alike(text, places):
    data = text.encode()
    whole = read([data]) if data else []
    assert read(cut(data, [place for place in places if place < len(data)])) == whole


def test_a_whole_frame_in_one_chunk_reads_like_one_in_pieces():
    for frame in (
        b"data: x\n\n",
        b"event: e\ndata: x\n\n",
        b"data: x\ndata: y\n\n",
        b"data: \n\n",
        b"event: e\n\n",
    ):
        assert read([frame]) == read([frame[:3], frame[3:]])


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert read([b"\xef\xbb\xbfdata: x\n\n"]) == [Frame("", b"x", b"\xef\xbb\xbfdata: x\n\n")]


def test_what_is_left_at_the_end_is_a_frame():
    assert read([b"data: x\n\ndata: y"]) == [Frame("", b"x", b"data: x\n\n"), Frame("", b"y", b"data: y")]


def test_an_empty_chunk_is_a_pause_wherever_it_comes():
    assert read([b"", b"data: ", b"", b"x\n\n"]) == [PAUSE, PAUSE, Frame("", b"x", b"data: x\n\n")]


def test_a_frame_is_told_as_soon_as_its_blank_line_is_there():
    chunks = iter([b"data: x\n", b"\n", b"data: y"])
    frames = sse_frames(chunks)
    assert next(frames).data == b"x"
    assert next(chunks) == b"data: y"


def test_a_frame_without_end_is_garbled(monkeypatch):
    monkeypatch.setattr(framing, "FRAME_LIMIT", 1000)
    with pytest.raises(Garbled):
        read([b"data: " + b"x" * 500, b"x" * 600])


def test_an_event_may_be_of_a_mebibyte_and_of_ten_thousand_lines():
    (large,) = read([b"data: " + b"x" * 1_000_000, b"\n\n"])
    assert len(large.data) == 1_000_000
    (long,) = read([b"data: x\n" * 10_000 + b"\n"])
    assert long.data.count(b"x") == 10_000
    with pytest.raises(Garbled):
        read([b"data: ", *[b"x" * 100_000] * 11])


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_event_of_very_many_lines_is_a_fault(end):
    with pytest.raises(Garbled):
        read([(b"a" + end) * 21_000 + end + end])
