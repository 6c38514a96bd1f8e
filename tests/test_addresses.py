"""Which hosts a client may name, and which addresses anybody may reach."""

# ruff: noqa: RUF001 - digits that only look like ours are the point

from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.addresses import Forbidden, check, custom_host, trusted
from proxy.networks import forbidden, hidden, public

PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 172.15.255.255
    172.32.0.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
    2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001:81b::200e
    ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1
""".split()  # noqa: SIM905
PRIVATE = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 172.16.0.1
    172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255
    198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 fc00::1 fd12:3456:789a::1 fec0::1 ff02::1 2001:db8::1 3fff::1 100::1 2001:2::1 2001:10::1 4000::1
    ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:192.168.1.1 ::127.0.0.1 ::10.1.2.3
    2002:7f00:1::1 2002:a00:1::1 2002:c0a8:101::
    64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8 64:ff9b:1::10.0.0.1
    2001:0:808:808:0:0:f5ff:fffe 2001:0:a00:1::f7f7:f7f7
    2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1
""".split()  # noqa: SIM905
METADATA = """
    169.254.169.254 169.254.170.2 169.254.0.1 fe80::1 fe80::a9fe:a9fe fd00:ec2::254 fd20:ce::254 fd00:42::42
    100.100.100.200 192.0.0.192 168.63.129.16
    ::ffff:169.254.169.254 ::ffff:0:169.254.169.254 ::169.254.169.254 2002:a9fe:a9fe::1
    64:ff9b::169.254.169.254 64:ff9b:1::169.254.169.254 64:ff9b:1:a9fe:a9:fe00:: 2001:0:a9fe:a9fe::1
    2001:0:808:808::5601:5601
    2606:4700::5efe:169.254.169.254
""".split()  # noqa: SIM905


@pytest.mark.parametrize("address", PUBLIC)
def test_anybody_may_go_to_a_public_address(address):
    check("h.example", [address], named_by_client=True)
    check("h.example", [address], named_by_client=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_for_hosts_that_an_admin_named(address):
    with pytest.raises(Forbidden) as refused:
        check("h.example", [address], named_by_client=True)
    assert (refused.value.status, refused.value.retryable) == (400, False)
    assert "h.example" in refused.value.message
    assert address not in refused.value.message, "It tells what a name inside the network leads to."
    check("h.example", [address], named_by_client=False)


@pytest.mark.parametrize("address", METADATA)
def test_nobody_goes_to_a_metadata_service(address, settings):
    settings.TRUSTED_CUSTOM_HOSTS = ["h.example"]
    for named_by_client in (True, False):
        with pytest.raises(Forbidden, match="metadata"):
            check("h.example", [address], named_by_client=named_by_client)


def test_one_bad_address_among_good_ones_is_enough():
    with pytest.raises(Forbidden):
        check("h.example", ["8.8.8.8", "2606:4700::1", "10.0.0.1"], named_by_client=True)


def test_a_scope_does_not_hide_an_address():
    with pytest.raises(Forbidden):
        check("h.example", ["fe80::1%eth0"], named_by_client=False)


@pytest.mark.parametrize("host", ["llm.lan", "LLM.lan", "a.llm.lan", "10.0.0.7", "fd12::7", "x.wide.lan"])
def test_a_trusted_host_may_be_private(host, settings):
    settings.TRUSTED_CUSTOM_HOSTS = ["LLM.LAN", "10.0.0.7", "[fd12::7]", "*.wide.lan"]
    assert trusted(host)
    check(host, ["10.0.0.7"], named_by_client=True)


@pytest.mark.parametrize("host", ["xllm.lan", "llm.lan.evil.com", "110.0.0.7", "lan"])
def test_trust_does_not_reach_further_than_it_says(host, settings):
    settings.TRUSTED_CUSTOM_HOSTS = ["llm.lan", "10.0.0.7"]
    assert not trusted(host)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_keeps_its_kind_however_it_is_wrapped(inner):
    number = int(inner)
    for wrapped in (
        ip_address(0xFFFF << 32 | number),
        ip_address(0x64FF9B << 96 | number),
        ip_address(0xFFFF << 48 | number),
    ):
        assert public(wrapped) == public(inner)
        assert forbidden(wrapped) == forbidden(inner)


@given(st.ip_addresses(v=4))
def test_a_private_ipv4_address_is_found_in_6to4_and_teredo(inner):
    number = int(inner)
    assert inner in hidden(ip_address(0x2002 << 112 | number << 80 | 1))
    assert inner in hidden(ip_address(0x2001 << 112 | 0x08080808 << 64 | (number ^ 0xFFFFFFFF)))
    assert forbidden(ip_address(0x2002 << 112 | number << 80)) == forbidden(inner)


HOSTS = {
    "https://api.example.com": "https://api.example.com",
    "https://api.example.com/v1": "https://api.example.com/v1",
    "HTTPS://API.Example.COM/V1/": "https://api.example.com/V1/",
    "http://api.example.com:8080/v1": "http://api.example.com:8080/v1",
    "https://api.example.com:443": "https://api.example.com:443",
    "https://a-b.c1.example.com/x%20y": "https://a-b.c1.example.com/x%20y",
    "https://8.8.8.8/v1": "https://8.8.8.8/v1",
    "http://134744072": "http://8.8.8.8",
    "http://0x08080808": "http://8.8.8.8",
    "http://010.8.8.8": "http://8.8.8.8",
    "http://8.526344": "http://8.8.8.8",
    "https://[2606:4700::1111]:8443/": "https://[2606:4700::1111]:8443/",
    "https://bücher.example.com": "https://xn--bcher-kva.example.com",
    "https://１.１.１.１": "https://1.1.1.1",
    # not a URL we take
    "": None,
    "api.example.com": None,
    "ftp://api.example.com": None,
    "file:///etc/passwd": None,
    "https://": None,
    "https:///v1": None,
    "http:api.example.com": None,
    "https://user@api.example.com": None,
    "https://user:pw@api.example.com": None,
    "https://api.example.com@evil.example.net": None,
    "https://api.example.com\\@evil.example.net": None,
    "https://api%2eexample.com": None,
    "https://api.example.com.": None,
    "https://api..example.com": None,
    "https://-api.example.com": None,
    "https://api_x.example.com": None,
    "https://api.exa mple.com": None,
    "https://api.example.com\n": None,
    "https://api.example.com\t/v1": None,
    "https://api.example.com?x=1": None,
    "https://api.example.com/v1#x": None,
    "https://api.example.com:0": None,
    "https://api.example.com:65536": None,
    "https://api.example.com:x": None,
    "https://api.example.com:１": None,
    "https://[::1": None,
    "https://[8.8.8.8]": None,
    "https://[2606:4700::1]x": None,
    "https://[fe80::1%25eth0]": None,
    "https://a.b.c.d.e.f.g.h.i.j.com": None,
    "https://" + "a" * 64 + ".com": None,
    "https://" + "a." * 130 + "com": None,
    "https://api.example.com/" + "x" * 2048: None,
    # not a place we go
    "https://localhost": None,
    "https://x.localhost": None,
    "https://intranet": None,
    "https://db.internal": None,
    "https://printer.local": None,
    "https://nas.home": None,
    "https://wiki.corp": None,
    "https://x.onion": None,
    "https://x.test": None,
    "https://metadata": None,
    "https://metadata.google.internal": None,
    "https://metadata.azure.com": None,
    "https://instance-data": None,
    "https://api.portkey.ai": None,
    "https://127.0.0.1": None,
    "https://10.0.0.1:8000/v1": None,
    "https://169.254.169.254/latest": None,
    "https://2130706433": None,
    "https://0x7f.1": None,
    "https://0177.0.0.1": None,
    "https://127.1": None,
    "https://0": None,
    "https://0x": None,
    "https://256.1.1.1": None,
    "https://1.2.3.4.5": None,
    "https://09.1.1.1": None,
    "https://8.8.8.0x": "https://8.8.8.0",
    "https://１２７.０.０.１": None,
    "https://127。0。0。1": None,
    "https://[::1]": None,
    "https://[::ffff:10.0.0.1]": None,
    "https://[fd00::1]": None,
    "https://10.0.0.1.nip.io": None,
    "https://app.lvh.me": None,
    "https://api.example.com:22": None,
    "https://api.example.com:6379": None,
    "https://api.example.com:27017": None,
}


@pytest.mark.parametrize("url", HOSTS)
def test_a_custom_host_is_taken_as_it_will_be_used_or_refused(url):
    if (expected := HOSTS[url]) is not None:
        assert custom_host(url) == expected
    else:
        with pytest.raises(ValueError):
            custom_host(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:6379/v1", "http://llm.internal", "http://10.0.0.1", "http://[::1]:1"]
)
def test_a_trusted_custom_host_need_only_be_well_formed(url, settings):
    settings.TRUSTED_CUSTOM_HOSTS = ["localhost", "internal", "10.0.0.1", "::1"]
    assert custom_host(url) == url


PIECES = st.sampled_from(
    [*"/:@[]%.?#\\-_0127afx٣１。", "http://", "https://", "://", "::", "0x7f", "localhost", "é", "xn--"]
)
URLS = st.one_of(
    st.text(), st.lists(PIECES).map("".join), st.lists(PIECES).map(lambda p: "https://" + "".join(p))
)


@given(URLS)
def test_a_custom_host_is_either_sound_or_a_value_error(url):
    try:
        taken = custom_host(url)
    except ValueError:
        return
    parts = urlsplit(taken)
    assert taken.isascii()
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert "@" not in parts.netloc
    assert custom_host(taken) == taken
