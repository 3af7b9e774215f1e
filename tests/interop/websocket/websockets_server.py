"""Run by `check`: a server of Python's `websockets` for our client, which answers as peer.rs says. The argument
is the parameters of its compression, as JSON."""

import json
import sys

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.sync.server import serve

PARAMETERS = json.loads(sys.argv[1])


def answer(socket):
    try:
        answer_all(socket)
    except ConnectionClosed:
        pass  # With the code of our client, which is what its check is about.


def answer_all(socket):
    for message in socket:
        match socket.request.path:
            case "/echo":
                socket.send(message)
            case "/fragments":
                socket.send([message[at : at + 1000] for at in range(0, max(len(message), 1), 1000)])
            case "/ping":
                socket.ping(message).wait(30)
                socket.send(message)
            case "/close":
                code, _, reason = message.partition(" ")
                socket.close(int(code), reason)


def choose(_, offered):
    return offered[0] if offered else None


extensions = None if PARAMETERS is None else [ServerPerMessageDeflateFactory(**PARAMETERS)]
with serve(answer, "127.0.0.1", 0, compression=None, extensions=extensions, select_subprotocol=choose, max_size=1 << 25) as server:
    print(f"listening on 127.0.0.1:{server.socket.getsockname()[1]}", flush=True)
    server.serve_forever()
