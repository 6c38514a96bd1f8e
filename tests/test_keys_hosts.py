"""Where an admin may send a stored credential: anywhere but to a cloud's metadata."""

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from keys import hosts


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://localhost:11434/v1",
        "http://10.0.0.7:8000/v1",
        "http://[::1]:8080/v1",
        "http://my_model.internal/v1",
        "https://xn--bcher-kva.example/v1",
        "sandbox://openai/v1",
        "sandbox://anthropic/v1",
    ],
)
def test_an_admin_may_choose_it(url: str) -> None:
    hosts.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "example.com/v1",
        "https://",
        "https:///v1",
        "https://user:secret@example.com/v1",
        "https://user@example.com/v1",
        "https://example.com/v1?key=secret",
        "https://example.com/v1#x",
        "https://example.com:0/v1",
        "https://example.com:99999/v1",
        "https://exa mple.com/v1",
        "https://ex%61mple.com/v1",
        "https://example.com\\@other.example/v1",
        "https://bücher.example/v1",
        "https://example.com/v1\n",
        "https://[::1/v1",
        "https://[fe80::1%25eth0]/v1",
        "https://-/v1",
        "sandbox://openai/v2",
        "sandbox://other/v1",
        "sandbox://openai/v1/../..",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_it_is_no_custom_host(url: str) -> None:
    with pytest.raises(ValidationError):
        hosts.check(url)


METADATA = [
    "169.254.169.254",
    "169.254.169.254.",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "metadata",
    "metadata.google.internal",
    "METADATA.Google.Internal.",
    "metadata.azure.com",
    "instance-data",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:a9fe:a9fe::1]",
    "[2001:0:1:1::5601:5601]",
]


@pytest.mark.parametrize("host", METADATA)
def test_a_clouds_metadata_is_out_of_bounds_however_it_is_written(host: str) -> None:
    with pytest.raises(ValidationError, match="metadata"):
        hosts.check(f"http://{host}:80/v1")


@given(st.text())
def test_no_text_is_too_odd_to_be_judged(text: str) -> None:
    for url in (text, f"http://{text}", f"http://[{text}]/v1"):
        try:
            hosts.check(url)
        except ValidationError:
            continue
        assert url.startswith(("http://", "https://", "sandbox://"))
