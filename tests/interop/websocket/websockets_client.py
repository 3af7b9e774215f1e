"""Run by `check`: Python's `websockets` as a client of the server at the given URL, which answers as peer.rs
says. The second argument is the parameters of its compression, as JSON; the third, whether only /echo is there."""

import json
import os
import ssl
import sys
import urllib.request
import warnings

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

URL, PARAMETERS, ONLY = sys.argv[1], json.loads(sys.argv[2]), len(sys.argv) > 3
TLS = None
if URL.startswith("wss:"):
    TLS = ssl.create_default_context()
    TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE
SIZES = [0, 1, 125, 126, 1000, 1001, 65535, 65536, 1 << 20, 100, 100]


def open_at(path, **options):
    extensions = None if PARAMETERS is None else [ClientPerMessageDeflateFactory(**PARAMETERS)]
    client = connect(URL + path, compression=None, extensions=extensions, max_size=1 << 25, proxy=None, ssl=TLS, **options)
    assert bool(client.protocol.extensions) == (PARAMETERS is not None), client.protocol.extensions
    return client


# They are closed below, and left open where the check fails.
warnings.simplefilter("ignore", DeprecationWarning)


def end_of(client):
    try:
        client.recv(30)
    except ConnectionClosed as closed:
        return closed.rcvd.code, closed.rcvd.reason
    raise AssertionError("a message in place of the end")


for path in ["/echo"] if ONLY else ["/echo", "/fragments"]:
    client = open_at(path, subprotocols=["other", "echo"])
    assert client.subprotocol == (None if ONLY else "echo"), client.subprotocol
    for size in SIZES:
        text = "".join(f"{number} kingl\u00e9t \U0001f426 " for number in range(size // 11 + 1))[:size]
        # What gets shorter by more than `Limits::max_inflate_ratio`, 200, is refused past 64 KiB.
        for sent in (text, os.urandom(size), b"\7" * min(size, 65536)):
            client.send(sent)
            received = client.recv(30)
            assert received == sent, (path, size, type(sent), len(received))
    client.send(["one ", "two \u2713 " * 1000, "", "three"])
    assert client.ping(b"after").wait(30), "a pong"
    assert client.recv(30) == "one " + "two \u2713 " * 1000 + "three"
    for number in range(1000):
        client.send(f"message {number}")
    for number in range(1000):
        assert client.recv(30) == f"message {number}"
    client.close(4321, "well done \u2713")
    assert end_of(client) == (4321, "")

for code, reason in [(1000, ""), (1001, "away"), (4999, "\u20ac" * 41)]:
    client = open_at("/echo")
    client.close(code, reason)
    # The code comes back (RFC 6455 §5.5.1), and the reason does not.
    assert end_of(client) == (code, "")
    if ONLY:
        continue
    with urllib.request.urlopen(URL.replace("ws:", "http:") + "/last") as answer:
        assert answer.read().decode() == f"{code} {reason} clean"
    client = open_at("/close")
    client.send(f"{code} {reason}")
    assert end_of(client) == (code, reason)

if not ONLY:
    with open_at("/ping") as client:
        client.send("to you")
        assert client.recv(30) == "to you"
    for path, origin, status in [("/same", "http://other.example", 403), ("/none", None, 404)]:
        try:
            open_at(path, origin=origin)
        except InvalidStatus as refused:
            assert refused.response.status_code == status, refused
        else:
            raise AssertionError(f"{path} is open")
