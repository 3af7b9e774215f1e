// Run by `check`: a server of Node's `ws` for our client, which answers as peer.rs says. The argument is
// its option `perMessageDeflate`, as JSON.

import { WebSocketServer } from "ws";

const perMessageDeflate = JSON.parse(process.argv[2]);
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate, maxPayload: 1 << 25 });

server.on("listening", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
server.on("connection", (socket, request) => {
  socket.on("error", (error) => console.error(error));
  socket.on("message", (data, isBinary) => {
    const options = { binary: isBinary };
    switch (request.url) {
      case "/echo":
        socket.send(data, options);
        break;
      case "/fragments":
        // What is text is cut within characters, which a sender may do.
        for (let at = 0; at === 0 || at < data.length; at += 1000) {
          socket.send(data.subarray(at, at + 1000), { ...options, fin: at + 1000 >= data.length });
        }
        break;
      case "/ping":
        socket.ping(data);
        socket.once("pong", (payload) => socket.send(payload, options));
        break;
      case "/close": {
        const [code, ...reason] = data.toString().split(" ");
        socket.close(Number(code), reason.join(" "));
      }
    }
  });
});
