// Run by `check`: Node's `ws` as a client of the server at the given URL, which answers as peer.rs says.
// The second argument is its option `perMessageDeflate`, as JSON; the third, whether only /echo is there.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import WebSocket from "ws";

const [url, deflate, only] = process.argv.slice(2);
const perMessageDeflate = JSON.parse(deflate);
const options = { perMessageDeflate, maxPayload: 1 << 25 };

async function open(path, protocols = []) {
  const socket = new WebSocket(url + path, protocols, options);
  // Messages are queued here, since several may come before they are asked for.
  const messages = [];
  let wake = () => {};
  socket.on("message", (data, isBinary) => {
    messages.push(isBinary ? data : data.toString());
    wake();
  });
  socket.next = async () => {
    while (messages.length === 0) await new Promise((resolve) => (wake = resolve));
    return messages.shift();
  };
  await once(socket, "open");
  assert.equal(socket.extensions.includes("permessage-deflate"), perMessageDeflate !== false);
  return socket;
}

async function closed(socket) {
  const [code, reason] = await once(socket, "close");
  return [code, reason.toString()];
}

function textOf(size) {
  let text = "";
  for (let number = 0; text.length < size; number += 1) text += `${number} kingl\u00e9t \u{1f426} `;
  return text.slice(0, size).replace(/[\ud800-\udbff]$/, " ");
}

const sizes = [0, 1, 125, 126, 1000, 1001, 65535, 65536, 1 << 20, 100, 100];
for (const path of only ? ["/echo"] : ["/echo", "/fragments"]) {
  const socket = await open(path, only ? [] : ["other", "echo"]);
  assert.equal(socket.protocol, only ? "" : "echo");
  for (const size of sizes) {
    // What gets shorter by more than `Limits::max_inflate_ratio`, 200, is refused past 64 KiB.
    const sames = Buffer.alloc(Math.min(size, 65536), 7);
    for (const sent of [textOf(size), randomBytes(size), sames]) {
      socket.send(sent);
      assert.deepEqual(await socket.next(), sent);
    }
  }
  // In fragments, with a ping between them, compressed where that was agreed.
  const fragments = ["one ", "two \u2713 ".repeat(1000), "", "three"];
  for (const [index, fragment] of fragments.entries()) {
    if (index === 1) socket.ping("between");
    socket.send(fragment, { fin: index === fragments.length - 1 });
  }
  const [pong] = await once(socket, "pong");
  assert.equal(pong.toString(), "between");
  assert.equal(await socket.next(), fragments.join(""));
  // Many at once.
  for (let number = 0; number < 1000; number += 1) socket.send(`message ${number}`);
  for (let number = 0; number < 1000; number += 1) assert.equal(await socket.next(), `message ${number}`);
  socket.close(4321, "well done \u2713");
  assert.deepEqual(await closed(socket), [4321, ""]);
}

for (const [code, reason] of [[undefined, ""], [1000, ""], [1001, "away"], [4999, "\u20ac".repeat(41)]]) {
  const socket = await open("/echo");
  socket.close(code, reason);
  // The code comes back (RFC 6455 §5.5.1), and the reason does not.
  assert.deepEqual(await closed(socket), [code ?? 1005, ""]);
  if (only) continue;
  const end = await (await fetch(url.replace("ws:", "http:") + "/last")).text();
  assert.equal(end, `${code ?? 1005} ${reason} clean`);
}

if (!only) {
  const socket = await open("/ping");
  socket.send("to you");
  assert.equal((await once(socket, "ping"))[0].toString(), "to you");
  assert.equal(await socket.next(), "to you");
  socket.terminate();

  for (const [code, reason] of [[1000, ""], [1001, "away"], [3000, "\u20ac".repeat(41)]]) {
    const socket = await open("/close");
    socket.send(`${code} ${reason}`);
    assert.deepEqual(await closed(socket), [code, reason]);
  }
  for (const [path, origin, status] of [["/same", "http://other.example", 403], ["/none", undefined, 404]]) {
    const socket = new WebSocket(url + path, { origin });
    const [, response] = await once(socket, "unexpected-response");
    assert.equal(response.statusCode, status);
    socket.on("error", () => {});
    socket.terminate();
  }
}
