"""What a server must answer, checked before anything is measured."""

import email.utils
import socket
import time

from process import ADDRESS
from tools import Failed

BODY = b"Hello, World!"

# Seconds that an answer's date may be off the clock.
DATE_TOLERANCE = 5


def request(port):
    """The request of all measurements, byte for byte that of wrk."""
    return f"GET / HTTP/1.1\r\nHost: {ADDRESS}:{port}\r\n\r\n".encode()


def check(port):
    """One request, sixteen in one write, one cut in two: all answered right."""
    whole = request(port)
    for pieces, count in (([whole], 1), ([whole * 16], 16), ([whole[:20], whole[20:]], 1)):
        with socket.create_connection((ADDRESS, port), timeout=10) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number, piece in enumerate(pieces):
                if number > 0:
                    expect_silence(client)
                client.sendall(piece)
            reader = Reader(client)
            for _ in range(count):
                check_answer(*reader.answer())
            expect_silence(client)


def check_answer(status, fields, body):
    """The fields that every server must send, whatever else it sends."""
    if status != "HTTP/1.1 200":
        raise Failed(f"answers {status}")
    for name in ("content-type", "content-length", "date", "server"):
        if name not in fields:
            raise Failed(f"answers without {name}")
    if fields["content-type"].partition(";")[0] != "text/plain":
        raise Failed(f"answers with content-type {fields['content-type']}")
    date = email.utils.parsedate_to_datetime(fields["date"])
    if abs(date.timestamp() - time.time()) > DATE_TOLERANCE:
        raise Failed(f"answers with the date {fields['date']}")
    if body != BODY:
        raise Failed(f"answers {body!r}")


def expect_silence(client, seconds=0.05):
    """Fails if the server says anything, or closes, within the time."""
    client.settimeout(seconds)
    try:
        unexpected = client.recv(1000)
    except TimeoutError:
        client.settimeout(10)
        return
    raise Failed(f"sends {unexpected[:60]!r} unasked" if unexpected else "closes the connection")


class Reader:
    """Takes answers off a blocking socket, one after the other."""

    def __init__(self, client):
        self.client = client
        self.received = b""

    def answer(self):
        """The start of the status line, the fields, and the content."""
        head, end, rest = self.received.partition(b"\r\n\r\n")
        while not end:
            self.receive()
            head, end, rest = self.received.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        fields = {name.lower(): value.strip() for name, value in pairs}
        length = int(fields.get("content-length", 0))
        while len(rest) < length:
            self.receive()
            rest = self.received[len(head) + 4 :]
        self.received = rest[length:]
        return status[:12], fields, rest[:length]

    def receive(self):
        try:
            more = self.client.recv(65536)
        except TimeoutError:
            raise Failed("does not answer") from None
        if not more:
            raise Failed("closes before it has answered")
        self.received += more
