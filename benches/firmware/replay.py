"""Plays bytes to an image in QEMU, and reads what it says of them."""

import base64
import hashlib
import struct
import subprocess
import tempfile
import zlib
from collections import namedtuple

Answer = namedtuple("Answer", "ticks stack sent")

# With `-icount shift=0` an instruction takes a nanosecond, and the timer counts at 25 MHz.
INSTRUCTIONS_PER_TICK = 40
RUN_SECONDS = 120

WHOLE = 1 << 16


def play(image, deliveries):
    """The state's length, and an answer for each (bytes, times, bytes at once, is a new connection)."""
    script = b"".join(
        struct.pack("<4I", times, at_once, is_new, len(data)) + data for data, times, at_once, is_new in deliveries
    )
    with tempfile.NamedTemporaryFile(prefix="firmware-") as file:
        file.write(script)
        file.flush()
        words = ["qemu-system-arm", "-M", "mps2-an385", "-display", "none", "-serial", "null"]
        words += ["-monitor", "none", "-icount", "shift=0", "-kernel", str(image)]
        words += ["-semihosting-config", f"enable=on,target=native,arg={file.name}"]
        run = subprocess.run(words, stdout=subprocess.PIPE, timeout=RUN_SECONDS)
    if run.returncode != 0:
        raise SystemExit(f"{image.name}: it panicked, or did not take its script")
    (state,), at = struct.unpack_from("<I", run.stdout), 4
    answers = []
    while at < len(run.stdout):
        ticks, stack, length = struct.unpack_from("<3I", run.stdout, at)
        at += 12
        answers.append(Answer(ticks, stack, run.stdout[at : at + length]))
        at += length
    return state, answers


def request(line, fields=(), content=b""):
    lines = [line + " HTTP/1.1", "Host: example.com", "User-Agent: probe", "Accept: */*", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + content


KEY = base64.b64encode(bytes(range(16))).decode()


def handshake(extensions=()):
    fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    return request("GET /ws", [*fields, f"Sec-WebSocket-Key: {KEY}", *extensions])


def frame(opcode, payload, final=True, compressed=False):
    key = b"\x37\xfa\x21\x3d"
    first = opcode | (0x80 if final else 0) | (0x40 if compressed else 0)
    length = len(payload)
    head = bytes([first, 0x80 | length]) if length < 126 else bytes([first, 0xFE]) + struct.pack(">H", length)
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


TEXT = b"thirty-two bytes of text, no more"[:32]
DEFLATE = ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10; server_max_window_bits=10"]


def deflated(payload):
    encoder = zlib.compressobj(wbits=-10)
    return (encoder.compress(payload) + encoder.flush(zlib.Z_SYNC_FLUSH))[:-4]


def requests(routes):
    """By name: the request, and what its answer ends with."""
    named = {
        "/": (request("GET /"), b"Hello, World!"),
        "/items/7": (request("GET /items/7"), b"7"),
    }
    if routes == "all":
        named["/content"] = (request("POST /content", ["Content-Length: 32"], TEXT), TEXT)
        named["/stream"] = (request("GET /stream"), b"0\r\n\r\n")
    return named


def accept():
    return base64.b64encode(hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def instructions(image, count, routes, websocket, deflate):
    """Instructions for each request, and for each message that is sent back."""
    figures = {}
    for name, (data, end) in requests(routes).items():
        figures[name] = per_delivery(image, [], data, count, lambda sent: sent.endswith(end))
    if websocket:
        opening = handshake(DEFLATE if deflate else ())
        _, (answer,) = play(image, [(opening, 1, WHOLE, 1)])
        if b" 101 " not in answer.sent or accept() not in answer.sent:
            raise SystemExit(f"{image.name}: it did not become a WebSocket")
        echo = bytes([0x81, len(TEXT)]) + TEXT
        if deflate:
            data = frame(1, deflated(TEXT * 4), compressed=True)
            name, test = "deflated echo", lambda sent: sent[:1] == b"\xc1"
        else:
            data, name, test = frame(1, TEXT), "echo of 32 B", lambda sent: sent == echo
        figures[name] = per_delivery(image, [opening], data, count, test)
    return figures


def per_delivery(image, before, data, count, is_right):
    opening = [(part, 1, WHOLE, int(at == 0)) for at, part in enumerate(before)]
    once = [*opening, (data, 1, WHOLE, int(not before)), (data, count, WHOLE, 0)]
    _, answers = play(image, [*once, (data, 2 * count, WHOLE, 0)])
    if not all(is_right(answer.sent) for answer in answers[len(before) :]):
        raise SystemExit(f"{image.name}: a wrong answer: {answers[len(before)].sent!r}")
    *_, some, twice = answers
    return (twice.ticks - some.ticks) * INSTRUCTIONS_PER_TICK / count


def depth(image, routes, websocket, deflate):
    """Bytes of state, and the deepest stack that any of these connections took."""
    plain = [[data] for data, _ in requests(routes).values()]
    plain += [[request("GET /nowhere")], [request("HEAD /")], [request("GET http://example.com/items/1")]]
    if routes == "all":
        chunks = b'5;note="a;b"\r\nhello\r\n0\r\nDigest: abc\r\n\r\n'
        chunked = ["Transfer-Encoding: chunked", "Expect: 100-continue"]
        plain += [[request("POST /content", chunked), chunks], [request("PUT /")], [request("OPTIONS *")]]
        plain += [[request("GET /", ["Host: b"])], [b"GET / HTTP/1.1\nHost: a\n\n"], [b"\r\n\r\nGET / HTTP/3.0\r\n\r\n"]]
        plain += [[b"GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:80\r\nConnection: close\r\n\r\n"], [b"G" * 600]]
        plain += [[request("GET /", ["Transfer-Encoding: gzip, chunked"])], [request("GET /", ["Content-Length: 1, 2"])]]
        plain += [[request("POST /", chunked), b"zz\r\n"], [request("POST /", ["Content-Length: 9"]), b"x" * 9]]
    connections = plain
    if websocket:
        opening = handshake(DEFLATE if deflate else ())
        frames = [frame(1, TEXT), frame(2, bytes(300)), frame(9, b"ping"), frame(10, b"")]
        frames += [frame(1, b"\xc3", final=False), frame(9, b"between"), frame(0, b"\xa9")]
        if deflate:
            frames += [frame(1, deflated(TEXT * 20), compressed=True)]
        for last in (frame(8, b"\x03\xe8bye"), frame(1, b"\xff"), frame(3, b""), b"\x81\x01a", frame(8, b"\x00")):
            connections = [*connections, [opening, *frames, last]]
        connections += [[request("GET /ws")], [opening.replace(b"13", b"12")], [opening.replace(KEY.encode(), b"=")]]
    deliveries = [
        (part, 1, at_once, int(at == 0))
        for parts in connections
        for at_once in (WHOLE, 1)
        for at, part in enumerate(parts)
    ]
    state, answers = play(image, deliveries)
    return state, max(answer.stack for answer in answers)
