"""Clients for long runs: honest ones, each of whose requests has to be answered, and others."""

import asyncio
import collections
import hashlib
import os
import random
import socket
import ssl
import struct
import time

PATIENCE = 30  # seconds that an answer may take
FILE = hashlib.sha256(b"kinglet").digest() * (1 << 15)  # 1 MiB
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


class Lost(Exception):
    """A request was not answered as it should have been."""


class Tally:
    """What came of it all. It crosses the border of a process as a dictionary."""

    def __init__(self):
        self.counts = collections.Counter()
        self.lost = []

    def count(self, what):
        self.counts[what] += 1

    def add(self, other):
        self.counts.update(other.counts)
        self.lost += other.lost


class Client:
    """One connection of an honest client. What it asks for is checked."""

    def __init__(self, place):
        self.place, self.reader, self.writer, self.asked = place, None, None, 0

    async def open(self):
        port, tls = self.place
        self.reader, self.writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", port, ssl=tls), PATIENCE
        )
        self.asked = 0

    def close(self):
        if self.writer:
            self.writer.transport.abort()
        self.writer = None

    async def ask(self, tally, method, target, expected, content=b"", *lines):
        """Asks, and asks once more on a connection of its own where one that was used before is closed
        before the answer begins: no client can know of that beforehand (RFC 9112 §9.5)."""
        if self.writer is None:
            await self.open()
        while True:
            try:
                status, found = await asyncio.wait_for(self.exchange(method, target, content, lines), PATIENCE)
                break
            except Stale:
                self.close()
                tally.count("asked again on a new connection")
                await self.open()
        if (status, found) != expected:
            raise Lost(f"{method} {target}: {status}, {len(found)} bytes: {found[:60]!r}")

    async def exchange(self, method, target, content, lines):
        used, self.asked = self.asked > 0, self.asked + 1
        head = [f"{method} {target} HTTP/1.1".encode(), b"Host: soak", *lines]
        if content:
            head.append(b"Content-Length: %d" % len(content))
        try:
            self.writer.write(b"\r\n".join(head) + b"\r\n\r\n" + content)
            await self.writer.drain()
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if used and not error.partial:
                raise Stale from None
            raise
        except ConnectionError:
            if used:
                raise Stale from None
            raise
        first, *fields = head[:-4].decode().split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in fields)}
        status = int(first.split()[1])
        if fields.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                parts.append((await self.reader.readexactly(size + 2))[:-2])
            while await self.reader.readuntil(b"\r\n") != b"\r\n":
                pass
            found = b"".join(parts)
        else:
            found = await self.reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self.close()
        return status, found


class Stale(Exception):
    """A connection that was used before is closed."""


async def pages(client, tally):
    for _ in range(random.randrange(1, 400)):
        await client.ask(tally, "GET", "/hello", (200, b"Hello, World!\n"))
        tally.count("GET /hello")


async def uploads(client, tally):
    for _ in range(random.randrange(1, 10)):
        content = os.urandom(random.randrange(1, 200_000))
        await client.ask(tally, "PUT", "/echo", (200, content), content)
        tally.count("PUT /echo")


async def files(client, tally):
    for _ in range(random.randrange(1, 10)):
        await client.ask(tally, "GET", "/file.bin", (200, FILE))
        at = random.randrange(len(FILE))
        part = FILE[at : at + 10_000]
        line = b"Range: bytes=%d-%d" % (at, at + len(part) - 1)
        await client.ask(tally, "GET", "/file.bin", (206, part), b"", line)
        tally.counts["GET of a file or a part"] += 2


async def deferred(client, tally):
    for _ in range(random.randrange(1, 30)):
        await client.ask(tally, "GET", "/later?below=1000", (200, b"168 primes below 1000\n"))
        tally.count("GET /later")


async def websocket(client, tally):
    await client.open()
    lines = [b"GET /ws HTTP/1.1", b"Host: soak", b"Connection: Upgrade", b"Upgrade: websocket"]
    lines += [b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + KEY]
    client.writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        head = await client.reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head:
        raise Lost(f"no WebSocket: {head[:60]!r}")
    for count in range(random.randrange(2, 60)):
        async with asyncio.timeout(PATIENCE):
            # A greeting, or the message of before; behind each, one that tells of its frame.
            found = await echo(client.reader)
        if found[0] == 8:
            # 1001: the server goes away.
            tally.count("WebSockets closed with 1001")
            return
        if count and found != (1, text):
            raise Lost(f"a WebSocket answers {found!r}")
        text = random.randbytes(random.randrange(1, 400)).hex().encode()
        header = b"\x81" + (bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text)))
        client.writer.write(header + bytes(4) + text)
        await client.writer.drain()
        tally.count("messages echoed")


async def echo(reader):
    """What the next message says; where it is a Close frame, nothing follows."""
    found = await frame(reader)
    if found[0] != 8:
        await frame(reader)
    return found


async def frame(reader):
    first, length = await reader.readexactly(2)
    if length == 126:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
    return first & 15, await reader.readexactly(length)


HONEST = [pages, pages, uploads, files, deferred, websocket]


async def be_honest(place, kind, until, tally):
    while time.time() < until:
        client = Client(place)
        try:
            await kind(client, tally)
        except Exception as error:  # whatever it is, a request is lost
            tally.lost.append(f"{kind.__name__}, TLS {place[1] is not None}: {type(error).__name__}: {error}")
        finally:
            client.close()


BEGINNINGS = [
    b"",
    b"G",
    b"GET /hello HTTP/1.1\r\nHost",
    b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
    b"PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nabc",
    b"GET /stream?lines=1000000 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n" * 20,
    b"GET /later?below=10000 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /drip?bytes=100&ms=20 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n",
]


async def misbehave(places, until, tally):
    """One connection after the other that does something wrong."""
    while time.time() < until:
        port, tls = random.choice(places)
        # Some speak no TLS where it is spoken, which is garbage for the server.
        tls = tls if random.random() < 0.8 else None
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        except (OSError, TimeoutError):
            tally.count("faults that did not even connect")
            continue
        what = random.choice([reset, reset, reset, garbage, trickle, silent, deaf])
        tally.count(f"fault: {what.__name__}")
        try:
            async with asyncio.timeout(min(PATIENCE, max(1, until - time.time()))):
                await what(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            linger(writer)
            writer.transport.abort()


def linger(writer):
    """Has the end of the connection be a reset."""
    if not writer.transport.is_closing():
        end = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, end)


async def reset(reader, writer):
    """Goes in the middle of something."""
    writer.write(random.choice(BEGINNINGS))
    await writer.drain()
    await asyncio.sleep(random.random() * 0.05)


async def garbage(reader, writer):
    writer.write(random.choice([b"GET ", b"", b"\x16\x03\x01", b"\x81\xff"]) + random.randbytes(random.randrange(1, 2000)))
    await reader.read()


async def trickle(reader, writer):
    """One byte now and then."""
    writer.write(random.choice(BEGINNINGS[1:5]))
    while not reader.at_eof():
        writer.write(b"a")
        await asyncio.sleep(0.5)
        if writer.transport.is_closing():
            return


async def silent(reader, writer):
    """Says part of something, and then nothing: as somebody whose cable was pulled."""
    writer.write(random.choice(BEGINNINGS[:5]))
    await reader.read()


async def deaf(reader, writer):
    """Asks for much and reads nothing."""
    writer.transport.pause_reading()
    writer.write(BEGINNINGS[5] + BEGINNINGS[6])
    await asyncio.sleep(random.random() * 10)


def context():
    """TLS that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def work(ports, until, clients, faults, pipe):
    """A process's share: `clients` of each honest kind for each port, and `faults` at a time."""

    async def all_of_it(tally):
        places = [(port, context() if is_tls else None) for port, is_tls in ports]
        tasks = [be_honest(place, kind, until, tally) for place in places for kind in HONEST * clients]
        await asyncio.gather(*tasks, *(misbehave(places, until, tally) for _ in range(faults)))

    tally = Tally()
    asyncio.run(all_of_it(tally))
    pipe.send(tally)
