"""Which Host and Origin may speak."""

import pytest

from omniwatt.api.guards import host_allowed, host_name, origin_allowed
from omniwatt.settings import Server

LOCAL = Server()
OPEN = Server(host="0.0.0.0")
NAMED = Server(host="10.0.0.5", allowed_hosts=("api.example.org",), cors_origins=("https://app.example.org",))


@pytest.mark.parametrize(
    ("host", "server", "allowed"),
    [
        ("localhost", LOCAL, True),
        ("LOCALHOST:8000", LOCAL, True),
        ("127.0.0.1:8000", LOCAL, True),
        ("127.1.2.3", LOCAL, True),
        ("[::1]:8000", LOCAL, True),
        ("", LOCAL, False),
        ("evil.example", LOCAL, False),
        ("localhost.evil.example", LOCAL, False),
        ("127.0.0.1.evil.example", LOCAL, False),
        ("192.168.0.7:8000", LOCAL, False),
        ("192.168.0.7:8000", OPEN, True),
        ("evil.example", OPEN, False),
        ("10.0.0.5:8000", NAMED, True),
        ("api.example.org", NAMED, True),
        ("API.example.org:443", NAMED, True),
        ("other.example.org", NAMED, False),
        ("anything.example", Server(allowed_hosts=("*",)), True),
    ],
)
def test_hosts(host, server, allowed):
    assert host_allowed(host, server) is allowed


@pytest.mark.parametrize(
    ("origin", "host", "server", "allowed"),
    [
        ("http://localhost:8000", "localhost:8000", LOCAL, True),
        ("https://localhost:8000", "localhost:8000", LOCAL, True),
        ("http://localhost:3000", "localhost:8000", LOCAL, False),
        ("null", "localhost:8000", LOCAL, False),
        ("https://evil.example", "localhost:8000", LOCAL, False),
        ("https://app.example.org", "api.example.org", NAMED, True),
        ("https://app.example.org.evil.example", "api.example.org", NAMED, False),
        ("https://x.example", "localhost", Server(cors_origins=("*",)), True),
    ],
)
def test_origins(origin, host, server, allowed):
    assert origin_allowed(origin, host, server) is allowed


def test_host_names():
    assert host_name("[2001:db8::1]:80") == "2001:db8::1"
    assert host_name("Example.org.:80") == "example.org"
