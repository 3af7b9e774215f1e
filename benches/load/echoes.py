"""What a WebSocket server must do, checked before anything is measured."""

import base64
import contextlib
import hashlib
import os
import socket
import struct

from answers import expect_silence
from process import ADDRESS
from tools import Failed

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

CONTINUATION, TEXT, BINARY, PING, PONG = 0, 1, 2, 9, 10


def check(port):
    """Messages of every kind are echoed, and the chat is forwarded."""
    check_echo(port)
    check_chat(port)


def check_echo(port):
    """Each message comes back as one frame of its opcode, and nothing else does."""
    messages = [
        (BINARY, b""),
        (BINARY, os.urandom(32)),
        (TEXT, "Grüße, 世界".encode()),
        (BINARY, os.urandom(125)),
        (BINARY, os.urandom(126)),
        (BINARY, os.urandom(16384)),
        (BINARY, os.urandom(65536)),
    ]
    with contextlib.closing(Client(port, "/")) as client:
        for opcode, payload in messages:
            client.send(frame(opcode, payload))
            client.expect(opcode, payload)
        client.send(b"".join(frame(BINARY, bytes([number] * 32)) for number in range(16)))
        for number in range(16):
            client.expect(BINARY, bytes([number] * 32))
        cut = frame(BINARY, b"cut in two")
        client.send(cut[:8])
        client.expect_silence()
        client.send(cut[8:])
        client.expect(BINARY, b"cut in two")
        client.send(frame(TEXT, b"frag", final=False) + frame(PING, b"beat"))
        client.expect(PONG, b"beat")
        client.send(frame(CONTINUATION, b"ments"))
        client.expect(TEXT, b"fragments")
        client.expect_silence()


def check_chat(port):
    """What one sends, all others get in order, and it does not."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(contextlib.closing(Client(port, "/chat"))) for _ in range(3)]
        elsewhere = stack.enter_context(contextlib.closing(Client(port, "/")))
        for sender in clients:
            sender.send(frame(TEXT, b"first") + frame(BINARY, b"second"))
            for receiver in clients:
                if receiver is not sender:
                    receiver.expect(TEXT, b"first")
                    receiver.expect(BINARY, b"second")
        for client in (*clients, elsewhere):
            client.expect_silence()


def frame(opcode, payload, final=True):
    """A client's frame (RFC 6455, section 5.2)."""
    key = os.urandom(4)
    start = bytes([opcode | (0x80 if final else 0)])
    masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    return start + length(len(payload), 0x80) + key + masked


def length(count, mask_bit=0):
    """The shortest form of a payload's length."""
    if count < 126:
        return bytes([mask_bit | count])
    if count < 65536:
        return struct.pack("!BH", mask_bit | 126, count)
    return struct.pack("!BQ", mask_bit | 127, count)


class Client:
    """A blocking connection, upgraded."""

    def __init__(self, port, path):
        self.socket = socket.create_connection((ADDRESS, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.upgrade(port, path)
        except BaseException:
            self.socket.close()
            raise

    def close(self):
        self.socket.close()

    def upgrade(self, port, path):
        key = base64.b64encode(os.urandom(16))
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: {ADDRESS}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        # One by one: nothing behind the head is taken.
        while not head.endswith(b"\r\n\r\n"):
            head += self.receive(1)
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not status.startswith("HTTP/1.1 101 "):
            raise Failed(f"answers the handshake with {status}")
        if fields.get("sec-websocket-accept") != accept:
            raise Failed("answers the handshake with another Sec-WebSocket-Accept")
        if "sec-websocket-extensions" in fields:
            raise Failed("chooses an extension that was not offered")

    def send(self, data):
        self.socket.sendall(data)

    def expect(self, opcode, payload):
        """The next frame must be this message, whole and not masked."""
        wanted = bytes([0x80 | opcode]) + length(len(payload)) + payload
        received = self.receive(len(wanted))
        if received != wanted:
            raise Failed(f"sends {received[:20]!r} in place of {wanted[:20]!r}")

    def expect_silence(self):
        expect_silence(self.socket)

    def receive(self, count):
        received = b""
        while len(received) < count:
            try:
                more = self.socket.recv(count - len(received))
            except TimeoutError:
                raise Failed(f"sends {received[:20]!r} and no more, of {count} bytes") from None
            if not more:
                raise Failed("closes before it has answered")
            received += more
        return received
