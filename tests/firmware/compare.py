#!/usr/bin/env python3
"""Sends the same bytes to two servers, and compares what they answer.

    tests/firmware/compare.py ADDRESS:PORT ADDRESS:PORT [--vectors FOLDER]

One is the firmware, the other its twin on Linux: the same application with the same limits. Each
stream is sent whole, byte by byte, and in two pieces; then the sending side is closed and all that
comes is read. Answers are compared message by message: status code, field lines and content. Left out are
`Date` and the places where chunks and fragments are cut, since those tell of clocks and buffers, and the
prose of refusals, which the firmware does without.
"""

import argparse
import json
import re
import socket
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds that anything may take


def unescape(text):
    r"""The bytes that stand for themselves, and \r \n \t \\ \xHH."""
    def value(match):
        code = match[1]
        plain = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
        return plain[code] if code in plain else chr(int(code[1:], 16))
    return re.sub(r"\\(r|n|t|\\|x[0-9a-fA-F]{2})", value, text).encode("latin-1")


def own_vectors():
    """The rows of tests/vectors: what a client sends in each."""
    for path in sorted((ROOT / "tests/vectors").glob("*.txt")):
        title, sent = "", b""
        for line in [*path.read_text().splitlines(), "## end"]:
            if line.startswith("## "):
                if sent:
                    yield f"{path.name}: {title}", sent
                title, sent = line[3:], b""
            elif line.startswith("> "):
                sent += unescape(line[2:])


def published_vectors(folder):
    for path in sorted(Path(folder).glob("*.json")):
        for vector in json.loads(path.read_text())["vectors"]:
            if vector["kind"] == "request":
                yield vector["id"], unescape(vector["input"])


def post(path, content, more=""):
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(content)}\r\n{more}\r\n"
    return head.encode() + content


def chunked(path, content, size):
    pieces = [content[at:at + size] for at in range(0, len(content), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"


def application_streams():
    """What the device does with its own routes."""
    content = bytes(range(256)) * 40
    plain = "Content-Type: application/x-www-form-urlencoded\r\n"
    rows = {
        "pages": [f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                  for path in ("/", "/app.js", "/style.css", "/favicon.svg", "/hello", "/nothing")],
        "compressed pages": [f"GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n".encode()
                             for path in ("/", "/app.js", "/style.css")],
        "methods": [f"{method} /hello HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                    for method in ("HEAD", "OPTIONS", "DELETE", "GET")],
        "echo": [post("/echo", content), chunked("/echo", content, 100), post("/echo", b"")],
        "upload": [post("/upload", content), chunked("/upload", content, 7)],
        "settings": [post("/settings", b"interval=500", plain), post("/settings", b"x" * 5000, plain),
                     post("/settings", b"interval=no", plain), post("/settings", b"{}"),
                     post("/settings", b'{"interval":', "Content-Type: application/json\r\n")],
        "expectation": [post("/echo", b"hello", "Expect: 100-continue\r\n")],
    }
    for name, requests in rows.items():
        for number, request in enumerate(requests):
            yield f"{name} {number}", request
        yield f"{name}, all sent ahead", b"".join(requests)


def frame(first, payload, key=b"\x37\xfa\x21\x3d"):
    size = len(payload)
    if size < 126:
        head = bytes([first, 0x80 | size])
    elif size < 1 << 16:
        head = bytes([first, 0xFE]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, 0xFF]) + size.to_bytes(8, "big")
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def websocket_streams():
    opening = (b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n")
    close = frame(0x88, b"\x03\xe8")
    long = bytes(range(256)) * 20
    rows = {
        "text": frame(0x81, "Hellö".encode()),
        "binary of many lengths": b"".join(frame(0x82, long[:n]) for n in (0, 1, 125, 126, 127, 600, 5000)),
        "fragments": frame(0x01, b"a") + frame(0x89, b"ping") + frame(0x00, b"b") + frame(0x80, b"c"),
        "a bad continuation": frame(0x80, b"x"),
        "not UTF-8": frame(0x81, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"),
        "UTF-8 cut in two": frame(0x01, b"\xce") + frame(0x80, b"\xba"),
        "a reserved bit": frame(0xC1, b"x"),
        "a reserved opcode": frame(0x83, b"x"),
        "a long ping": frame(0x89, b"x" * 126),
        "not masked": b"\x81\x01x",
        "a close of one byte": frame(0x88, b"\x03"),
        "a close that is not to be sent": frame(0x88, b"\x03\xed"),
    }
    for name, frames in rows.items():
        yield f"WebSocket: {name}", opening + b"\r\n" + frames + close
    wrong = {
        "no key": opening.replace(b"Sec-WebSocket-Key", b"Key"),
        "a wrong version": opening.replace(b"Version: 13", b"Version: 12"),
        "a short key": opening.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhl"),
    }
    for name, head in wrong.items():
        yield f"WebSocket: {name}", head + b"\r\n"


def brief(value):
    text = repr(value)
    return text if len(text) < 500 else f"{text[:250]} ... {text[-200:]} ({len(text)} characters)"


def exchange(address, pieces):
    """All that comes for the pieces, and whether it ends as it should."""
    with socket.create_connection(address, PATIENCE) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for number, piece in enumerate(pieces):
                if number == 1 and len(pieces) == 2:
                    time.sleep(0.01)
                stream.sendall(piece)
            stream.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The answer has come before all was sent.
        received = b""
        try:
            while piece := stream.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def messages(received):
    """The answers in what came: status line, field lines, content; then a WebSocket's messages."""
    found = []
    while received:
        head, end, rest = received.partition(b"\r\n\r\n")
        if not end or not head.startswith(b"HTTP/1.1 "):
            return [*found, ("rest", received)]
        # The firmware leaves out what is for people only: reason phrases, and what was wrong.
        status, *lines = head.split(b"\r\n")
        status = status[:12]
        lines = [line for line in lines if not line.lower().startswith(b"date:")]
        fields = dict(line.lower().split(b": ", 1) for line in lines)
        content = b""
        if status == b"HTTP/1.1 101":
            return [*found, (status, lines), *frames(rest)]
        if fields.get(b"transfer-encoding") == b"chunked" and not rest.startswith(b"HTTP/1.1 "):
            content, rest = unchunk(rest)
        elif b"content-length" in fields and not rest.startswith(b"HTTP/1.1 "):
            size = int(fields[b"content-length"])
            content, rest = rest[:size], rest[size:]
        if status[9:10] in b"45" and b"Connection: close" in lines:
            content = b""
            lines = [line for line in lines if not line.lower().startswith((b"content-length:", b"content-type:"))]
        # What a board is called is the board's.
        nameless = re.sub(rb'"name":"[^"]*"', b'"name":""', content)
        if nameless != content:
            lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
        found.append((status, lines, nameless))
        received = rest
    return found


def unchunk(rest):
    content = b""
    while True:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line or b"0", 16)
        if size == 0:
            trailers, _, rest = rest.partition(b"\r\n")
            while trailers:
                content += b"|" + trailers
                trailers, _, rest = rest.partition(b"\r\n")
            return content, rest
        content, rest = content + rest[:size], rest[size + 2:]


def frames(rest):
    """Control frames in their order, and data as it is put together."""
    data, control, kind = b"", [], None
    whole = []
    while len(rest) >= 2:
        first, size = rest[0], rest[1]
        rest = rest[2:]
        if size == 126:
            size, rest = int.from_bytes(rest[:2], "big"), rest[2:]
        elif size == 127:
            size, rest = int.from_bytes(rest[:8], "big"), rest[8:]
        payload, rest = rest[:size], rest[size:]
        if first & 0x08:
            control.append((first, payload))
            continue
        kind = kind or first & 0x0F
        data += payload
        if first & 0x80:
            whole.append((kind, data))
            data, kind = b"", None
    # A message that was begun may be cut anywhere when the connection fails.
    return [*whole, *control, ("rest", rest)]


def deliveries(sent):
    yield "whole", [sent]
    yield "in two pieces", [sent[: len(sent) // 2], sent[len(sent) // 2:]]
    if len(sent) <= 2000:
        yield "byte by byte", [sent[at:at + 1] for at in range(len(sent))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("firmware")
    parser.add_argument("twin")
    parser.add_argument("--vectors", help="a folder of published vectors, in the format http1-vectors/1")
    arguments = parser.parse_args()
    servers = []
    for text in (arguments.firmware, arguments.twin):
        host, port = text.rsplit(":", 1)
        servers.append((host, int(port)))

    streams = [*own_vectors(), *application_streams(), *websocket_streams()]
    if arguments.vectors:
        published = [*published_vectors(arguments.vectors)]
        assert len(published) > 150, f"only {len(published)} published vectors"
        streams += published
    work = [(name, how, pieces) for name, sent in streams for how, pieces in deliveries(sent)]

    def compare(row):
        name, how, pieces = row
        firmware, twin = (messages(exchange(server, pieces)) for server in servers)
        if firmware == twin:
            return bool(firmware), None
        at = next((at for at, (a, b) in enumerate(zip(firmware, twin)) if a != b), min(len(firmware), len(twin)))
        shown = "\n".join(f"  {who}: {len(found)} messages, of which {at}: {brief(found[at:at + 1])}"
                          for who, found in (("firmware", firmware), ("twin", twin)))
        return True, f"{name}, {how}:\n  sent: {brief(b''.join(pieces))}\n{shown}"

    # One after the other: with few sockets left, the firmware says `Connection: close` as it is to.
    outcomes = [compare(row) for row in work]
    differences = [difference for _, difference in outcomes if difference]
    print("\n".join(differences[:20]))
    # Nothing is the answer to a head that has not come to its end.
    answered = sum(is_answered for is_answered, _ in outcomes)
    assert answered > 0.9 * len(work), f"only {answered} of {len(work)} were answered at all"
    print(f"{len(work)} exchanges on {len(streams)} streams, {len(differences)} answered differently")
    if differences:
        sys.exit(1)


if __name__ == "__main__":
    main()
