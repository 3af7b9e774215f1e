"""The clients, each of which uses a running server in its own way."""

import base64
import hashlib
import http.client
import os
import re
import struct
import tempfile
import threading
import time
from pathlib import Path

from support import PATIENCE, Browser, Page, Server, brief, expect, expect_equal, get, read_all, run

HERE = Path(__file__).resolve().parent
LARGE = hashlib.sha256(b"kinglet").digest() * (8 * 1024 * 1024 // 32)
HOSTILE = b"<script>alert(1)</script> & \"a\" 'b' {{style}} \xe2\x80\xae\xff"


def check_sockets(server):
    sent = get("/?a=<b>&%20=c", b"X-Hostile: " + HOSTILE, b"X-Blank:", b"X-Tab:\t a \t", b"Cookie: a=b; c")
    answer = server.exchange(sent)
    head, _, content = answer.partition(b"\r\n\r\n")
    expect(b"400 Bad Request" in head, "a target with < is refused, not", head)
    sent = sent.replace(b"<b>", b"'b'")
    head, _, content = server.exchange(sent).partition(b"\r\n\r\n")
    expect(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
    expect(f"Content-Length: {len(content)}".encode() in head, head)
    page = Page(content)
    expect_equal(page.elements.count("script"), 1, "scripts of the page")
    script = re.search(rb"<script>(.*)</script>", content, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script).digest())
    expect(b"script-src 'sha256-%s'" % digest in head, "the policy does not name the script: sha256-", digest)
    expect_equal(page.head(), sent, "the head that the page shows")

    many = get("/hello") * 1000 + get("/hello", b"Connection: close") + get("/hello")
    expect_equal(server.exchange(many).count(b"Hello, World!\n"), 1001, "answers to pipelined requests")
    mixed = [get(t) for t in ("/hello", "/later?below=10", "/drip?bytes=3&ms=5", "/stream?lines=1", "/")]
    answers = server.exchange(b"".join(mixed))
    expect_equal(answers.count(b"HTTP/1.1 200 OK\r\n"), 5, "answers to a mixed pipeline")
    order = [answers.index(part) for part in (b"Hello", b"4 primes below 10\n", b"..\n", b"line 1", b"<html")]
    expect_equal(order, sorted(order), "the order of the answers")
    expect_equal(re.findall(rb"No\. \d+", server.exchange(get("/") * 3)), [b"No. 1", b"No. 2", b"No. 3"], "exchanges")

    with server.connect() as stream:
        for byte in get("/hello", b"Connection: close"):
            stream.sendall(bytes([byte]))
        expect(read_all(stream).endswith(b"\r\n\r\nHello, World!\n"), "a request byte by byte")

    # More than fits into the sockets' buffers is sent before anything is read back.
    with server.connect() as stream:
        head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"%x\r\n%s\r\n" % (len(LARGE), LARGE)
        end = b"0\r\nSum: 42\r\nBlank:\r\n\r\n"
        body = b"".join([head, chunk * 4, end, get("/hello", b"Connection: close")])
        sender = threading.Thread(target=stream.sendall, args=[body], daemon=True)
        sender.start()
        answer = read_all(stream)
        sender.join(PATIENCE)
    _, content, rest = dechunk(answer)
    expect_equal(hashlib.sha256(content).digest(), hashlib.sha256(LARGE * 4).digest(), "what was echoed")
    expect(rest.startswith(b"Echo-Trailer: Sum: 42\r\nEcho-Trailer: Blank:\r\n\r\nHTTP/1.1 200"), brief(rest))

    for request, status in [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (get("/" + "x" * 9000), 414),
        (get("/", b"X: " + b"x" * 17000), 431),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405),
    ]:
        expect(server.exchange(request).startswith(b"HTTP/1.1 %d " % status), brief(request), "is not", status)


def dechunk(answer):
    """Head, content, and what follows the last chunk."""
    head, _, body = answer.partition(b"\r\n\r\n")
    content, at = [], 0
    while True:
        end = body.index(b"\r\n", at)
        length, at = int(body[at:end], 16), end + 2
        if length == 0:
            return head, b"".join(content), body[at:]
        content.append(body[at : at + length])
        at += length + 2


def check_curl(server):
    def curl(path, *arguments, stdin=b""):
        return run("curl", "-sS", "--max-time", str(PATIENCE), *arguments, server.url + path, stdin=stdin)[0]

    def status_of(path, *arguments):
        return int(curl(path, "-o", os.devnull, "-w", "%{http_code}", *arguments))

    expect_equal(curl("/hello"), b"Hello, World!\n", "/hello")
    expect(b"Content-Length: 14\r\n" in curl("/hello", "-I"), "HEAD has the length")
    expect(b"Allow: OPTIONS, GET, HEAD\r\n" in curl("/hello", "-i", "-X", "OPTIONS"), "OPTIONS has Allow")
    expect(b" 405 Method Not Allowed\r\n" in curl("/hello", "-i", "-X", "DELETE"), "DELETE is not allowed")
    expect_equal(status_of("/", "-X", "OPTIONS", "--request-target", "*"), 204, "OPTIONS *")
    expect_equal(status_of("/", "--request-target", server.url + "/"), 200, "absolute-form")
    expect_equal(status_of("/none"), 404, "another path")
    expect_equal(status_of("/hello/"), 404, "another path")
    expect(b"<svg" in curl("/favicon.ico"), "an icon")

    expect_equal(curl("/headers", "-H", "A: b", "-H", "Accept:"), f"Host: 127.0.0.1:{server.port}\nUser-Agent: ".encode() + re.search(rb"curl/\S+", curl("/headers"))[0] + b"\nA: b\n", "/headers")
    json = curl("/headers", "-H", 'A: "\\', "-H", "Accept: application/json")
    expect(rb'{"name":"A","value":"\"\\"}' in json, "JSON", json)

    for code in [200, 202, 204, 205, 206, 226, 299, 301, 304, 399, 400, 401, 404, 405, 407, 416, 418, 500, 503, 599]:
        expect_equal(status_of(f"/status/{code}"), code, "status")
    for code in ["100", "101", "199", "426", "600", "999", "20", "2000", "+20", "abc", "%32%30%30"]:
        expect_equal(status_of(f"/status/{code}"), 400, f"/status/{code}")
    expect_equal(curl("/status/302", "-L"), b"Hello, World!\n", "a redirection, followed")
    expect_equal(curl("/status/418"), b"418\n", "a code without a reason")

    content = curl("/stream?lines=3", "--raw")
    expect(content.endswith(b"\r\n0\r\nLine-Count: 3\r\nByte-Count: 36\r\n\r\n"), "trailers", content)
    content = curl("/stream?lines=100000")
    expect(content.endswith(b"line 100000 of 100000\n") and content.count(b"\n") == 100000, "many lines")
    expect_equal(curl("/stream?lines=2", "--http1.0"), b"line 1 of 2\nline 2 of 2\n", "HTTP/1.0")
    for query in ["lines=0", "lines=", "lines=x", "lines=1000001", "lines=99999999999999999999"]:
        expect_equal(status_of(f"/stream?{query}"), 400, query)

    begun = time.monotonic()
    expect_equal(curl("/drip?bytes=5&ms=50"), b"....\n", "/drip")
    expect(0.2 <= time.monotonic() - begun < 5, "a drip takes its time, and not more")
    expect_equal(curl("/later?below=100"), b"25 primes below 100\n", "/later")
    expect_equal(status_of("/later?below=1"), 400, "/later?below=1")

    with tempfile.NamedTemporaryFile() as file:
        file.write(LARGE)
        file.flush()
        upload = ("--data-binary", f"@{file.name}", "-H", "Content-Type: text/x-large")
        expect(curl("/echo", *upload) == LARGE, "a large echo with a length")
        expect(curl("/echo", "-T", file.name) == LARGE, "a large echo by PUT")
        out, err = run("curl", "-sSv", "-D", "-", "-o", os.devnull, "-H", "Expect: 100-continue", *upload, server.url + "/echo")
        expect(b"< HTTP/1.1 100 Continue" in err, "100 (Continue) comes first")
        expect(b"Content-Type: text/x-large\r\n" in out, "the media type is kept")
        refused = curl("/hello", "-H", "Expect: 100-continue", "--expect100-timeout", "30", "-o", os.devnull, "-w", "%{http_code} %{size_upload}", *upload)
        expect_equal(refused, b"405 0", "what is refused is not sent")
    chunked = ("-T", "-", "-H", "Transfer-Encoding: chunked")
    expect(curl("/echo", *chunked, stdin=LARGE) == LARGE, "a large chunked echo")
    expect_equal(curl("/echo", *chunked, stdin=b""), b"", "an empty echo")
    expect_equal(curl("/echo", "-X", "POST"), b"", "an echo of nothing")

    twice = run("curl", "-sS", "-w", "%{num_connects} ", *["-o", os.devnull, server.url + "/hello"] * 2, *["-o", os.devnull, server.url + "/"])[0]
    expect_equal(twice, b"1 0 0 ", "connections that three requests take")
    parallel = run("curl", "-sSZ", "--max-time", str(PATIENCE), server.url + "/drip?bytes=2&ms=20&[1-40]")[0]
    expect_equal(sorted(parallel), sorted(b".\n" * 40), "forty at once")


def check_http_client(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.connect()
    stream = connection.sock

    def ask(method, path, body=None, **options):
        connection.request(method, path, body, **options)
        response = connection.getresponse()
        return response, response.read()

    expect_equal(ask("GET", "/hello")[1], b"Hello, World!\n", "/hello")
    response, content = ask("HEAD", "/hello")
    expect_equal((response.length, response.getheader("Content-Length"), content), (0, "14", b""), "HEAD")
    expect_equal(ask("POST", "/echo", b"a" * 1000)[1], b"a" * 1000, "an echo")
    response, content = ask("PATCH", "/echo", iter([b"a", b"bc"]), headers={"Content-Type": "a/b"}, encode_chunked=True)
    expect_equal((content, response.getheader("Content-Type")), (b"abc", "a/b"), "a chunked echo")
    expect_equal(ask("GET", "/stream?lines=5000")[1].count(b"\n"), 5000, "lines")
    for code in (204, 304, 404):
        expect_equal(ask("GET", f"/status/{code}")[0].status, code, "status")
    expect_equal(ask("GET", "/later?below=1000")[1], b"168 primes below 1000\n", "/later")
    response, page = ask("GET", "/")
    expect(b"No. 10<" in page, "the tenth exchange of a connection")
    expect_equal(response.getheader("Cache-Control"), "no-store", "Cache-Control")
    expect(response.getheader("Date") and response.getheader("Server"), "Date and Server")
    expect(connection.sock is stream, "one connection took it all")
    response, content = ask("GET", "/hello", headers={"Connection": "close"})
    expect_equal((response.getheader("Connection"), content), ("close", b"Hello, World!\n"), "the last exchange")


def check_node(server):
    run("node", str(HERE / "client.mjs"), server.url)


def check_chromium(server, screenshot=None):
    with tempfile.TemporaryDirectory(prefix="kinglet-") as folder:
        picture = screenshot or os.path.join(folder, "page.png")

        def chromium(path, *arguments):
            """Opens a page with an empty profile, from which nothing else is asked for."""
            return run(
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                "--enable-logging=stderr", f"--user-data-dir={tempfile.mkdtemp(dir=folder)}", *arguments, server.url + path,
            )

        html, log = chromium("/?q=%3Cb%3E&name=%C3%B6", "--dump-dom")
        expect(b":CONSOLE" not in log, "the browser complains", log.decode())
        page = Page(html)
        expect(page.elements.count("script") == 1 and "b" in page.elements, "the elements of the page")
        head = page.head()
        expect(head.startswith(b"GET /?q=%3Cb%3E&name=%C3%B6 HTTP/1.1\r\nHost: 127.0.0.1:"), brief(head))
        expect(b"\r\nSec-Fetch-Mode: navigate\r\n" in head and head.endswith(b"\r\n\r\n"), brief(head))
        expect(b"HeadlessChrome" in html and b"RFC 9110 \xc2\xa710.1.5" in html, "a field and where it is defined")

        check_frames(server, screenshot)

        chromium("/?q=now", f"--screenshot={picture}", "--window-size=1100,1600")
        image = Path(picture).read_bytes()
        expect_equal(image[:8], b"\x89PNG\r\n\x1a\n", "a screenshot")
        expect_equal(struct.unpack(">II", image[16:24]), (1100, 1600), "its size")
        expect(len(image) > 50_000, "a screenshot with something on it")

        text, _ = chromium("/later?below=1000", "--dump-dom")
        expect(b"168 primes below 1000" in text, brief(text))
        text, _ = chromium("/stream?lines=2", "--dump-dom")
        expect(b"line 2 of 2" in text, brief(text))


def check_frames(server, screenshot):
    """The WebSocket that the page holds, and what it shows of its frames."""
    with Browser() as browser:
        page = browser.open(server.url + "/")
        frames = "[...document.querySelectorAll('#frames li')].map((li) => [...li.querySelectorAll('th')].map((th) => th.textContent))"
        page.wait(f"({frames}).length === 1")
        hello = "48 65 6c 6c 6f 2c 20 57 65 62 53 6f 63 6b 65 74 21"
        expect_equal(page.evaluate(frames), [["81", "11", hello]], "the frame of the greeting")
        say = "(text) => { const form = document.getElementById('say'); form.elements.text.value = text; form.requestSubmit(); }"
        page.evaluate(f"({say})('<b>h\u00e9')")
        page.wait(f"({frames}).length === 3")
        shown = page.evaluate(frames)[:2]
        expect_equal(shown, [["81", "06", "3c 62 3e 68 c3 a9"], ["81", "86", "?? ?? ?? ??", "?? \u2026"]], "frames")
        page.evaluate(f"({say})('x'.repeat(200))")
        page.wait(f"({frames}).length === 5")
        expect_equal(page.evaluate(frames)[0][:3], ["81", "7e", "00 c8"], "a longer frame")
        if screenshot:
            page.evaluate("document.getElementById('live').scrollIntoView()")
            page.screenshot(re.sub(r"(\.\w+)?$", r"-frames\1", screenshot, count=1))
        expect_equal(page.complaints(), [], "what the browser says")

        # A page of another server does not get in.
        with Server(server.program) as other:
            page = browser.open(other.url + "/")
            opens = f"new Promise((resolve) => {{ const s = new WebSocket('ws://127.0.0.1:{server.port}/ws'); s.onopen = () => resolve(true); s.onerror = () => resolve(false); }})"
            expect_equal(page.evaluate(opens), False, "another server's page")
    refused = server.exchange(get("/ws", *OPENING, b"Origin: http://other.example"))
    expect(refused.startswith(b"HTTP/1.1 403 "), refused)
    expect(server.exchange(get("/ws")).startswith(b"HTTP/1.1 426 "), "a WebSocket without an upgrade")


OPENING = [
    b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]

CHECKS = {
    "sockets": check_sockets,
    "curl": check_curl,
    "http.client": check_http_client,
    "node": check_node,
    "chromium": check_chromium,
}
