// Run by `check`: Node's two HTTP clients, `http` and `fetch`, against the server at the given URL.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import plain from "node:http";
import secure from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const url = process.argv[2];
const http = url.startsWith("https:") ? secure : plain;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

/** Sends a request, and answers with the response and its content. `send` writes the request's content. */
function ask(path, options = {}, send = (request) => request.end()) {
  return new Promise((resolve, reject) => {
    const request = http.request(url + path, { agent, ...options }, async (response) => {
      try {
        const parts = await response.toArray();
        resolve({ request, response, content: Buffer.concat(parts).toString() });
      } catch (error) {
        reject(error);
      }
    });
    request.on("error", reject);
    send(request);
  });
}

// http: one connection for all that follows.
{
  const first = await ask("/hello");
  assert.equal(first.content, "Hello, World!\n");
  assert.equal(first.response.headers["content-length"], "14");

  const head = await ask("/", { method: "HEAD" });
  assert.equal(head.content, "");
  assert.ok(head.request.reusedSocket);

  const lines = await ask("/stream?lines=1000");
  assert.equal(lines.content.split("\n").length, 1001);
  assert.equal(lines.response.trailers["line-count"], "1000");

  const options = await ask("/echo", { method: "OPTIONS" });
  assert.equal(options.response.statusCode, 204);
  assert.equal(options.response.headers.allow, "OPTIONS, POST, PUT, PATCH, GET, HEAD");

  const echo = await ask("/echo", { method: "POST", headers: { Trailer: "Sum" } }, (request) => {
    request.write("one ");
    request.addTrailers({ Sum: "42" });
    request.end("two");
  });
  assert.equal(echo.content, "one two");
  assert.equal(echo.response.trailers["echo-trailer"], "Sum: 42");

  let continued = false;
  const headers = { Expect: "100-continue", "Content-Length": 5 };
  const patient = await ask("/echo", { method: "PUT", headers }, (request) => {
    request.on("continue", () => {
      continued = true;
      request.end("hello");
    });
    request.flushHeaders();
  });
  assert.ok(continued);
  assert.equal(patient.content, "hello");

  const later = await ask("/later?below=1000");
  assert.equal(later.content, "168 primes below 1000\n");
  const page = await ask("/");
  assert.ok(page.request.reusedSocket);
  assert.match(page.content, /No\. 8</);
}

// http: large content both ways at once, read slowly enough that each side has to wait for the other.
{
  const chunk = randomBytes(64 * 1024);
  const count = 256;
  const sent = createHash("sha256");
  const received = createHash("sha256");
  await new Promise((resolve, reject) => {
    const request = http.request(url + "/echo", { method: "POST", agent }, async (response) => {
      try {
        for await (const part of response) {
          received.update(part);
          await new Promise(setImmediate);
        }
        resolve();
      } catch (error) {
        reject(error);
      }
    });
    request.on("error", reject);
    function* content() {
      for (let index = 0; index < count; index += 1) {
        sent.update(chunk);
        yield chunk;
      }
    }
    pipeline(Readable.from(content()), request).catch(reject);
  });
  assert.equal(received.digest("hex"), sent.digest("hex"));
}

// http: a client that goes away in the middle does no harm.
for (const path of ["/drip?bytes=1000&ms=10", "/stream?lines=1000000", "/later?below=5000000"]) {
  await new Promise((resolve) => {
    const request = http.get(url + path, (response) => response.once("data", () => request.destroy()));
    request.on("error", resolve).on("close", resolve);
    if (path.startsWith("/later")) request.once("finish", () => request.destroy());
  });
}

// fetch.
{
  assert.equal(await (await fetch(url + "/hello")).text(), "Hello, World!\n");
  const accept = { Accept: "application/json" };
  const fields = await (await fetch(url + "/headers", { headers: accept })).json();
  assert.ok(fields.some(({ name, value }) => name.toLowerCase() === "accept" && value === "application/json"));
  const body = Readable.toWeb(Readable.from(["a", "b", "c"].map((text) => Buffer.from(text))));
  const echo = await fetch(url + "/echo", { method: "POST", body, duplex: "half" });
  assert.equal(await echo.text(), "abc");
  const redirected = await fetch(url + "/status/303");
  assert.ok(redirected.redirected && redirected.url.endsWith("/hello"));
  const all = await Promise.all(Array.from({ length: 50 }, () => fetch(url + "/drip?bytes=3&ms=5")));
  const texts = await Promise.all(all.map((response) => response.text()));
  assert.deepEqual(new Set(texts), new Set(["..\n"]));
  assert.equal((await fetch(url + "/status/204")).status, 204);
  assert.equal((await fetch(url + "/nothing", { method: "PUT", body: "x".repeat(100000) })).status, 405);
}

agent.destroy();
