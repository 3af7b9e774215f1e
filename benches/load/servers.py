"""The servers that are compared: how each is built, and how it is started."""

import json
import os
from pathlib import Path

from tools import Failed, find, note, output

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "benches" / "peers"
RELEASE = PEERS / "target" / "release"

# A first build, on a slow machine.
BUILD_SECONDS = 1800

NGINX = """\
{single}
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr crit;
worker_processes {threads};
worker_rlimit_nofile 65536;
events {{
    use epoll;
    multi_accept on;
    accept_mutex off;
    worker_connections 20480;
}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    etag off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    tcp_nodelay on;
    server {{
        listen {listen} reuseport backlog=4096;
        location / {{ return 200 "Hello, World!"; }}
    }}
}}
"""


# What cargo has built for this run of the script.
_built = set()


class Server:
    """A server that takes `--listen ADDRESS:PORT --threads N`."""

    # Programs of PACKAGES that it cannot do without.
    programs = ()

    def __init__(self, name, program):
        self.name = name
        self.program = program

    def build(self):
        """Makes sure that the program is there and up to date."""
        build_peers()

    def command(self, listen, threads, _folder, _alone):
        """The words to start it with. `alone`: in one process if it can."""
        return [str(self.program), "--listen", listen, "--threads", str(threads)]


class Kinglet(Server):
    """An example, with flags that choose how it serves."""

    def __init__(self, name, example, *flags):
        super().__init__(name, target_folder() / "release" / "examples" / example)
        self.example = example
        self.flags = flags

    def command(self, listen, threads, folder, alone):
        return [*super().command(listen, threads, folder, alone), *self.flags]

    def build(self):
        cargo_build(ROOT, "--example", self.example)


class UWebSockets(Server):
    """C++, compiled here from the sources that the peers' Cargo.lock pins."""

    programs = ("g++",)

    def __init__(self, source):
        super().__init__("uwebsockets", RELEASE / f"peer-uwebsockets-{source}")
        self.source = PEERS / "uwebsockets" / f"{source}.cpp"

    def build(self):
        sources = uwebsockets_sources()
        sockets = sources / "uSockets" / "src"
        used = [self.source, self.source.parent / "options.h", sockets / "loop.c"]
        newest = max(file.stat().st_mtime for file in used)
        if self.program.exists() and self.program.stat().st_mtime > newest:
            return
        objects = RELEASE / "uwebsockets"
        objects.mkdir(parents=True, exist_ok=True)
        # Neither TLS nor compression, as in the other peers, and no mark.
        defines = ["LIBUS_NO_SSL", "UWS_NO_ZLIB", "UWS_HTTPRESPONSE_NO_WRITEMARK"]
        flags = ["-O3", "-flto=auto", "-w", "-I", str(sources / "src"), "-I", str(sockets)]
        flags += ["-D" + define for define in defines]
        c_files = [*sockets.glob("*.c"), *sockets.glob("crypto/*.c"), sockets / "eventing" / "epoll_kqueue.c"]
        compiled = []
        for source in sorted(c_files):
            compiled.append(str(objects / (source.stem + ".o")))
            output(["gcc", "-std=c11", *flags, "-c", str(source), "-o", compiled[-1]], BUILD_SECONDS)
        link = ["g++", "-std=c++20", *flags, str(self.source), *compiled, "-pthread"]
        output([*link, "-o", str(self.program)], BUILD_SECONDS)


class Nginx(Server):
    programs = ("nginx",)

    def __init__(self):
        super().__init__("nginx", "nginx")

    def build(self):
        pass

    def command(self, listen, threads, folder, alone):
        config = Path(folder) / "nginx.conf"
        config.write_text(
            NGINX.format(
                folder=folder,
                listen=listen,
                single="master_process off;" if alone else "",
                threads=threads,
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        return [find("nginx") or "nginx", "-e", "stderr", "-p", str(folder), "-c", str(config)]


def http_servers():
    """Every server of HTTP requests, in the order of the tables."""
    return [
        Kinglet("kinglet", "hello"),
        Kinglet("kinglet-polling", "hello", "--polling"),
        Server("may", RELEASE / "peer-may"),
        UWebSockets("hello"),
        Server("hyper", RELEASE / "peer-hyper"),
        Server("actix", RELEASE / "peer-actix"),
        Nginx(),
        Server("floor", RELEASE / "peer-floor"),
    ]


def websocket_servers():
    """Every server of WebSocket messages, in the order of the tables."""
    return [
        Kinglet("kinglet", "websocket_echo", "--no-deflate"),
        UWebSockets("echo"),
        Server("fastwebsockets", RELEASE / "peer-fastwebsockets"),
        Server("tokio-websockets", RELEASE / "peer-tokio-websockets"),
        Server("tokio-tungstenite", RELEASE / "peer-tokio-tungstenite"),
    ]


def select(servers, names):
    """Those of the servers in a comma-separated list, or all of them."""
    if not names:
        return servers
    wanted = names.split(",")
    known = [server.name for server in servers]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise Failed(f"no server is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [server for server in servers if server.name in wanted]


def target_folder():
    """Where cargo puts the root workspace's programs."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def build_peers():
    """Builds the Rust peers and the load client, once per run of the script."""
    cargo_build(PEERS, "--locked", "--bins", "--target-dir", str(PEERS / "target"))


def build_client(program):
    """Builds a client and returns its path; without what the peers need."""
    target = ("--target-dir", str(PEERS / "target"))
    cargo_build(PEERS, "--locked", "--no-default-features", "--bin", program, *target)
    return str(RELEASE / program)


def cargo_build(folder, *arguments):
    """A release build, once per run of the script."""
    if (folder, arguments) in _built:
        return
    note(f"building {folder.relative_to(ROOT) if folder != ROOT else 'kinglet'}")
    output(["cargo", "build", "--release", "--quiet", *arguments], BUILD_SECONDS, cwd=folder)
    _built.add((folder, arguments))


def uwebsockets_sources():
    """The folder of uWebSockets' sources, which cargo fetches."""
    manifest = str(PEERS / "Cargo.toml")
    metadata = ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path", manifest]
    for package in json.loads(output(metadata, BUILD_SECONDS))["packages"]:
        if package["name"] == "libuwebsockets-sys":
            return Path(package["manifest_path"]).parent / "uWebSockets"
    raise Failed("the peers' Cargo.toml does not name libuwebsockets-sys")
