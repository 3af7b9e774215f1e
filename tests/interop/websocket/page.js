// Run by `check` in a page of our server: the browser's WebSocket. Evaluates to what it found.
(async (url, other) => {
  const found = [];
  const expect = (what, is) => {
    if (!is) throw new Error(`expected ${what}, after ${JSON.stringify(found)}`);
    found.push(what);
  };
  const open = (address, protocols = []) => {
    const socket = new WebSocket(address, protocols);
    socket.binaryType = "arraybuffer";
    const events = [];
    let wake = () => {};
    for (const type of ["open", "message", "error", "close"]) {
      socket.addEventListener(type, (event) => (events.push(event), wake()));
    }
    socket.next = async (type) => {
      while (events.length === 0) await new Promise((resolve) => (wake = resolve));
      const event = events.shift();
      if (event.type !== type) throw new Error(`expected ${type}, found ${event.type}`);
      return event;
    };
    return socket;
  };

  for (const path of ["/echo", "/fragments", "/same"]) {
    const socket = open(url + path, ["other", "echo"]);
    await socket.next("open");
    expect(`${path}: compression`, socket.extensions.startsWith("permessage-deflate"));
    expect(`${path}: a subprotocol`, socket.protocol === "echo");
    for (const size of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
      let text = "";
      for (let number = 0; text.length < size; number += 1) text += `${number} kingl\u00e9t \u{1f426} `;
      text = text.slice(0, size).toWellFormed();
      socket.send(text);
      expect(`${path}: text of ${size}`, (await socket.next("message")).data === text);
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
      socket.send(bytes);
      const back = new Uint8Array((await socket.next("message")).data);
      expect(`${path}: ${size} bytes`, back.length === size && back.every((byte, at) => byte === bytes[at]));
    }
    const waits = new Uint8Array(8 << 20);
    // What gets shorter by more than `Limits::max_inflate_ratio` is refused.
    for (let at = 0; at < waits.length; at += 65536) crypto.getRandomValues(waits.subarray(at, at + 65536));
    socket.send(waits);
    expect(`${path}: bytes wait`, socket.bufferedAmount >= waits.length);
    expect(`${path}: they come back`, (await socket.next("message")).data.byteLength === waits.length);
    expect(`${path}: none waits`, socket.bufferedAmount === 0);
    socket.close(4321, "well done \u2713");
    const end = await socket.next("close");
    expect(`${path}: its end`, end.code === 4321 && end.reason === "" && end.wasClean);
  }

  for (const [code, reason] of [[1000, ""], [1001, "away"], [4999, "\u20ac".repeat(41)]]) {
    const socket = open(url + "/close");
    await socket.next("open");
    socket.send(`${code} ${reason}`);
    const end = await socket.next("close");
    expect(`an end with ${code}`, end.code === code && end.reason === reason && end.wasClean);
  }

  const refused = open(other + "/same");
  await refused.next("error");
  expect("a page of another server is refused", (await refused.next("close")).code === 1006);
  const unknown = open(url + "/echo", ["unknown"]);
  await unknown.next("error");
  expect("a browser wants one of its subprotocols", (await unknown.next("close")).code === 1006);
  return found;
})
