"""What recordings cannot show of Mistral and Together: bytes left alone, ids of calls, packed embeddings."""

import base64
import re
import struct

import orjson
import pytest

from providers.accents import vectors
from providers.accents.mistral_ai.messages import own_id
from providers.catalog import PROVIDERS
from providers.types import Ask, Credential, Reading

PLAIN = b'{ "messages": [{"content":"Hi", "role":"user"}],\n "temperature": 0.70, "model":"m" }'
CHUNK = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}] }\n\n'


def asked(raw):
    body = orjson.loads(raw)
    return Ask("chat", body, raw, body["model"])


@pytest.mark.parametrize("slug", ["mistral-ai", "together-ai"])
def test_a_call_in_words_the_provider_knows_goes_byte_for_byte(slug):
    assert PROVIDERS[slug].request("chatComplete", asked(PLAIN), Credential("s")).body == PLAIN


@pytest.mark.parametrize("slug", ["mistral-ai", "together-ai"])
def test_plain_content_of_a_stream_keeps_its_bytes_but_for_the_name_put_in(slug):
    told = list(PROVIDERS[slug].stream("chatComplete", asked(PLAIN), [CHUNK, CHUNK], Reading()))
    assert told[1] == CHUNK.replace(b'{"id"', b'{"provider":"%s","id"' % slug.encode())


@pytest.mark.parametrize("id_", ["call_abc", "toolu_01A09q90qw90lq917835lq9", "", "é\ud800", "D681PevKs\n"])
def test_a_foreign_id_becomes_nine_letters_and_digits_and_always_the_same(id_):
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", own_id(id_))
    assert own_id(id_) == own_id(id_) != own_id(id_ + "x")
    assert own_id(own_id(id_)) == own_id(id_)


def test_packed_embeddings_are_little_endian_floats_of_32_bits():
    numbers = [0.5, -0.25, 1, 0.1]
    packed = vectors.packed(numbers)
    assert base64.b64decode(packed) == struct.pack("<4f", *numbers)
    assert vectors.unpacked(packed) == pytest.approx(numbers)


def test_what_is_no_base64_of_floats_is_refused():
    with pytest.raises(ValueError, match="multiple"):
        vectors.unpacked("AAA=")
    with pytest.raises(ValueError, match="base64"):
        vectors.unpacked("not base64!")
