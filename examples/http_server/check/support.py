"""A running server, programs with a deadline, the page as a browser sees it, and what is expected."""

import re
import select
import socket
import subprocess
from html.parser import HTMLParser

PATIENCE = 60  # seconds that anything may take


class Failure(Exception):
    """What was expected did not come."""


def expect(condition, *what):
    if not condition:
        raise Failure(" ".join(str(part) for part in what))


def expect_equal(found, expected, what):
    expect(found == expected, f"{what}: expected {brief(expected)}, found {brief(found)}")


def brief(value):
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}... ({len(value)} bytes)"


class Server:
    """A running server. `url`, `port` and `process` tell how to reach it."""

    def __init__(self, program, *arguments, listen="127.0.0.1:0"):
        command = [program, "--listen", listen, *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline().decode() if ready else ""
        served = re.match(r"serving (\S+) until", line)
        if not served:
            self.process.kill()
            raise Failure(f"the server is not ready; it said {line!r}")
        self.url = served[1].rstrip("/")
        self.port = int(self.url.rsplit(":", 1)[1]) if self.url.startswith("http") else None

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def exchange(self, sent):
        """Sends all, ends that side, and answers with all that comes."""
        with self.connect() as stream:
            stream.sendall(sent)
            stream.shutdown(socket.SHUT_WR)
            return read_all(stream)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def read_all(stream):
    with stream.makefile("rb") as file:
        return file.read()


def run(*command, stdin=b"", ok=0):
    """Runs a program to its end; answers with what it wrote to both of its outputs."""
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE, check=False)
    if done.returncode != ok:
        raise Failure(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done.stdout, done.stderr


def get(target, *lines):
    lines = [f"GET {target} HTTP/1.1".encode(), b"Host: a", *lines]
    return b"\r\n".join(lines) + b"\r\n\r\n"


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and the text of the plate of bytes."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.plate = ""
        self.in_plate = False
        self.feed(html.decode("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.in_plate |= tag == "pre"
        for name, value in attrs:
            expect(not name.startswith("on"), "a handler in", tag)
            if name == "href":
                expect(re.match(r"https://|/[a-z]", value), "a strange link", value)

    def handle_endtag(self, tag):
        self.in_plate &= tag != "pre"

    def handle_data(self, data):
        if self.in_plate:
            self.plate += data

    def head(self):
        """The bytes that the plate shows."""
        text = self.plate.replace("\\r\\n\n", "\r\n").encode()
        return re.sub(rb"\\x([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), text)
