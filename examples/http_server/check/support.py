"""A running server, programs with a deadline, a browser and the page as it sees it, and what is expected."""

import base64
import json
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
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
    """A running server. `url`, `port` and `process` tell how to reach it. One that says no scheme is one
    of WebSockets, and has its page at `http_url`."""

    def __init__(self, program, *arguments, listen="127.0.0.1:0"):
        command = [program, *(["--listen", listen] if listen else []), *arguments]
        self.program = program
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline().decode() if ready else ""
        served = re.match(r"(?:serving|listening on) (\S+)( until|\n)", line)
        if not served:
            self.process.kill()
            raise Failure(f"the server is not ready; it said {line!r}")
        self.url = served[1].rstrip("/")
        if line.startswith("listening"):
            secure = "s" if "--tls-self-signed" in arguments else ""
            self.http_url, self.url = f"http{secure}://{self.url}", f"ws{secure}://{self.url}"
        self.port = None if self.url.startswith("unix:") else int(self.url.rsplit(":", 1)[1])

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


def run(*command, stdin=b"", ok=0, patience=PATIENCE):
    """Runs a program to its end; answers with what it wrote to both of its outputs. `ok` is the status that
    it has to end with, or None for any but 0."""
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=patience, check=False)
    if done.returncode != ok and (ok is not None or done.returncode == 0):
        raise Failure(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done.stdout, done.stderr


def get(target, *lines):
    lines = [f"GET {target} HTTP/1.1".encode(), b"Host: a", *lines]
    return b"\r\n".join(lines) + b"\r\n\r\n"


# A browser with an empty profile, from which nothing is asked for but the pages to open.
CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]


class Browser:
    """A running Chromium, told by the DevTools protocol what to do: JSON over two pipes, each message with
    a zero byte behind it."""

    def __init__(self, *arguments):
        self.profile = tempfile.mkdtemp(prefix="kinglet-")
        their_input, self.output = os.pipe()
        self.input, their_output = os.pipe()
        command = [*CHROMIUM, *arguments, "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "about:blank"]
        # It reads from descriptor 3 and writes to 4.
        shell = ["sh", "-c", f'exec 3<&{their_input} 4>&{their_output}; exec "$@"', "sh", *command]
        descriptors = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(shell, pass_fds=(their_input, their_output), **descriptors)
        os.close(their_input)
        os.close(their_output)
        self.buffer, self.count, self.events = b"", 0, []

    def ask(self, method, session=None, **parameters):
        """Sends a command, and answers with its result; what is told meanwhile goes to `events`."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                expect("error" not in answer, method, "failed:", answer)
                return answer["result"]
            self.events.append(answer)

    def receive(self):
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.input], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self.input, 1 << 20) if ready else b""
            expect(part, "Chromium says nothing more")
            self.buffer += part
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url, size=(1100, 900)):
        target = self.ask("Target.createTarget", url="about:blank", newWindow=True, width=size[0], height=size[1])
        attached = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        return Tab(self, attached["sessionId"], url)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.input)
        os.close(self.output)
        shutil.rmtree(self.profile, ignore_errors=True)


class Tab:
    """An open page."""

    def __init__(self, browser, session, url):
        self.browser, self.session = browser, session
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        expect("errorText" not in self.ask("Page.navigate", url=url), url, "does not open")
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def ask(self, method, **parameters):
        return self.browser.ask(method, self.session, **parameters)

    def evaluate(self, expression):
        """The value of an expression, or of the promise that it is."""
        options = {"returnByValue": True, "awaitPromise": True}
        result = self.ask("Runtime.evaluate", expression=expression, **options)
        expect("exceptionDetails" not in result, result.get("exceptionDetails"))
        return result["result"].get("value")

    def wait(self, condition):
        """Asks again and again until the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            expect(time.monotonic() < deadline, "in vain was waited for", condition)
            time.sleep(0.02)

    def screenshot(self, path):
        picture = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def complaints(self):
        """What stands in the console."""
        kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [e for e in self.browser.events if e.get("method") in kinds and e["sessionId"] == self.session]


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
