"""The clients again, by `https` and `wss`; certificates on both sides, sessions, and files."""

import gzip
import http.client
import os
import resource
import socket
import ssl
import tempfile
from pathlib import Path

from support import PATIENCE, Browser, Server, expect, expect_equal, run

HERE = Path(__file__).resolve().parent
VERSIONS = [("TLSv1.2", ssl.TLSVersion.TLSv1_2), ("TLSv1.3", ssl.TLSVersion.TLSv1_3)]
CONTENT = bytes(range(256)) * 1200


def curl(url, *arguments, ok=0):
    return run("curl", "-sSv", "--max-time", str(PATIENCE), *arguments, url, ok=ok)


def check_tls(program):
    with Server(program, "--threads", "2", "--tls-self-signed") as server:
        expect(server.url.startswith("https://"), server.url)
        for version, limit in VERSIONS:
            number = version[-3:]
            out, log = curl(server.url + "/hello", "-k", f"--tlsv{number}", "--tls-max", number)
            expect_equal(out, b"Hello, World!\n", version)
            expect(f"SSL connection using {version} ".encode() in log, log.decode())
            check_sessions(server, limit)
        # A certificate that nobody has signed is one that curl does not take.
        curl(server.url + "/hello", ok=60)
        expect(b"http/1.1" in curl(server.url + "/hello", "-k")[1], "ALPN")
        content = os.urandom(3_000_000)
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            out, _ = curl(server.url + "/echo", "-k", "-T", file.name, "-H", "Transfer-Encoding: chunked")
            expect(out == content, "a large echo")
        run("env", "NODE_TLS_REJECT_UNAUTHORIZED=0", "node", "--no-warnings", str(HERE / "client.mjs"), server.url)
        # What speaks no TLS gets no answer.
        expect(b"HTTP/1.1" not in server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "plain HTTP is answered")
    with tempfile.TemporaryDirectory(prefix="kinglet-") as folder:
        check_certificates(program, folder)


def check_sessions(server, version):
    """Python's clients: a connection that is used again, and a session that is resumed."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=PATIENCE, context=context)
    connection.connect()
    stream = connection.sock
    for method, path, body, content in [
        ("GET", "/hello", None, b"Hello, World!\n"),
        ("POST", "/echo", b"a" * 100_000, b"a" * 100_000),
        ("GET", "/later?below=1000", None, b"168 primes below 1000\n"),
    ]:
        connection.request(method, path, body)
        expect_equal(connection.getresponse().read(), content, path)
    expect(connection.sock is stream, "one connection took it all")
    session = stream.session
    for _ in range(2):
        plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        with context.wrap_socket(plain, session=session) as again:
            again.sendall(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            with again.makefile("rb") as file:
                # Without close_notify this would be an error.
                expect(file.read().endswith(b"Hello, World!\n"), "a session that goes on")
            expect(again.session_reused, "the session is resumed")
            session = again.session


def check_certificates(program, folder):
    """A certificate that is trusted for its name, and those of clients."""

    def openssl(*arguments):
        run("openssl", *arguments)

    def make(name, issuer=None):
        path = os.path.join(folder, name)
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path + ".key"]
        signed = ["-CA", issuer + ".pem", "-CAkey", issuer + ".key"] if issuer else []
        kind = "CA:FALSE" if issuer else "critical,CA:TRUE"
        openssl(
            "req", "-x509", *key, *signed, "-subj", f"/CN={name}", "-days", "2", "-out", path + ".pem",
            "-addext", f"basicConstraints={kind}", "-addext", "subjectAltName=DNS:localhost",
        )
        return path

    authority, other = make("authority"), make("other")
    shown, client, stranger = make("server", authority), make("client", authority), make("stranger", other)
    pair = ["--tls-cert", shown + ".pem", "--tls-key", shown + ".key"]
    with Server(program, *pair) as server:
        url = f"https://localhost:{server.port}/hello"
        here = ["--resolve", f"localhost:{server.port}:127.0.0.1", "--cacert"]
        expect_equal(curl(url, *here, authority + ".pem")[0], b"Hello, World!\n", "a certificate that is trusted")
        curl(url, *here, other + ".pem", ok=60)
        curl(f"https://127.0.0.1:{server.port}/hello", "--cacert", authority + ".pem", ok=60)
    with Server(program, *pair, "--tls-client-ca", authority + ".pem") as server:
        for version, _ in VERSIONS:
            maximum = ["-k", "--tls-max", version[-3:]]
            with_key = [*maximum, "--cert", client + ".pem", "--key", client + ".key"]
            expect_equal(curl(server.url + "/hello", *with_key)[0], b"Hello, World!\n", "a client's certificate")
            # In the handshake, or behind it, where the client's side of it is over by then.
            for wrong in (maximum, [*maximum, "--cert", stranger + ".pem", "--key", stranger + ".key"]):
                out, log = curl(server.url + "/hello", *wrong, ok=None)
                expect(out == b"" and b"alert" in log, "no client's certificate, or a stranger's:", log.decode())


def check_files(program):
    """A folder by curl: parts, what was broken off, what has not changed, what is compressed."""
    with tempfile.TemporaryDirectory(prefix="kinglet-") as folder:
        root = Path(folder, "root")
        root.mkdir()
        (root / "data.bin").write_bytes(CONTENT)
        (root / "text.txt").write_bytes(b"all is well\n" * 1000)
        (root / "text.txt.gz").write_bytes(gzip.compress(b"all is well\n" * 1000))
        (root / "empty").touch()
        for tls in ([], ["--tls-self-signed"]):
            with Server(program, "--files-root", str(root), *tls) as server:
                use_files(server, Path(folder))
        with Server(program, "--files-root", str(root)) as server:
            use_without_descriptors(server)


def use_without_descriptors(server):
    """What needs a descriptor is told to come again when there is none; all else goes on, and so does that
    as soon as there is one."""
    client, process = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE), server.process.pid

    def ask(path):
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read()

    expect_equal(ask("/hello"), (200, b"Hello, World!\n"), "before")
    used = {int(name) for name in os.listdir(f"/proc/{process}/fd")}
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    few = min(set(range(len(used) + 1)) - used)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (few, before[1]))
    expect_equal(ask("/data.bin")[0], 503, "a file without a descriptor for it")
    expect_equal(ask("/hello"), (200, b"Hello, World!\n"), "what needs none")
    resource.prlimit(process, resource.RLIMIT_NOFILE, before)
    expect(ask("/data.bin") == (200, CONTENT), "the file, when there is one")


def use_files(server, folder):
    def get(path, *arguments):
        return curl(f"{server.url}/{path}", "-k", *arguments)[0]

    expect(get("data.bin") == CONTENT, "a file")
    expect_equal(get("empty"), b"", "a file without content")
    expect_equal(get("none", "-o", os.devnull, "-w", "%{http_code}"), b"404", "a file that is not there")
    for part, expected in [
        ("0-0", CONTENT[:1]),
        ("10-19", CONTENT[10:20]),
        ("70000-", CONTENT[70000:]),
        ("-5", CONTENT[-5:]),
    ]:
        expect(get("data.bin", "-r", part) == expected, "the range", part)
    several = get("data.bin", "-i", "-r", "0-1,5000-5001,-2")
    expect(b"Content-Type: multipart/byteranges; boundary=" in several, "several ranges")
    expect_equal(several.count(b"Content-Range: bytes "), 3, "parts")
    expect(b" 416 " in get("data.bin", "-i", "-r", f"{len(CONTENT)}-"), "a range behind the end")

    part = folder / "part"
    part.write_bytes(CONTENT[:100_000])
    log = curl(f"{server.url}/data.bin", "-k", "-C", "-", "-o", str(part))[1]
    expect(b"206 Partial Content" in log and part.read_bytes() == CONTENT, "a download that goes on")

    tag, copy = folder / "tag", folder / "copy"
    tag.unlink(missing_ok=True)
    both = ["--etag-save", str(tag), "--etag-compare", str(tag), "-w", "%{http_code}", "-o", str(copy)]
    tag.touch()
    expect_equal(get("data.bin", *both), b"200", "a file that is not known yet")
    expect_equal(get("data.bin", *both), b"304", "a file that has not changed")
    expect(copy.read_bytes() == CONTENT, "the copy is left as it was")
    expect_equal(get("data.bin", "-z", str(copy), "-o", os.devnull, "-w", "%{http_code}"), b"304", "by its time")

    plain = get("text.txt")
    expect_equal(get("text.txt", "--compressed"), plain, "what curl inflates")
    sent = get("text.txt", "-H", "Accept-Encoding: gzip")
    expect(len(sent) < 200 and gzip.decompress(sent) == plain, "what is sent compressed")
    expect(b"Vary: Accept-Encoding\r\n" in get("text.txt", "-I"), "Vary")


def check_secure_page(program):
    """A page by `https`, whose WebSocket is a `wss`."""
    with Server(program, "--tls-self-signed") as server, Browser("--ignore-certificate-errors") as browser:
        page = browser.open(server.url + "/")
        expect_equal(page.evaluate("location.protocol"), "https:", "the page's scheme")
        page.wait("document.querySelectorAll('#frames li').length === 1")
        opens = "new Promise((resolve) => { const s = new WebSocket(`wss://${location.host}/ws`); s.onmessage = (e) => resolve(e.data); s.onerror = () => resolve(null); })"
        expect_equal(page.evaluate(opens), "Hello, WebSocket!", "the first message by wss")
        echoed = "fetch('/echo', { method: 'POST', body: 'x'.repeat(300000) }).then((r) => r.text()).then((text) => text.length)"
        expect_equal(page.evaluate(echoed), 300000, "what fetch sends")
        expect_equal(page.complaints(), [], "what the browser says")
