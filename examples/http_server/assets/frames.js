"use strict";
// The frames of the WebSocket to /ws: each message that comes is followed by one that tells its frame.
{
  const section = document.getElementById("live");
  const state = document.getElementById("state");
  const list = document.getElementById("frames");
  const form = document.getElementById("say");
  const MOST = 8;

  function element(name, text = "", className = "") {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function hex(bytes) {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }

  function bits(byte, ...groups) {
    const all = byte.toString(2).padStart(8, "0");
    let at = 0;
    return groups.map((length) => all.slice(at, (at += length))).join(" ");
  }

  /** The bytes that say a length, as RFC 6455 §5.2 has it, with the mask bit or without. */
  function lengthBytes(length, mask) {
    return length < 126 ? [mask | length] : [mask | 126, length >> 8, length & 255];
  }

  /** Shows a frame as rows of bytes, bits and what they mean. */
  function show(title, className, rows) {
    const item = element("li", "", className);
    item.append(element("h3", title));
    const table = element("table");
    for (const [bytes, detail, meaning] of rows) {
      const row = element("tr");
      const head = element("th");
      head.append(element("code", bytes));
      const middle = element("td");
      middle.append(element("code", detail));
      row.append(head, middle, element("td", meaning));
      table.append(row);
    }
    item.append(table);
    list.prepend(item);
    while (list.children.length > MOST) list.lastChild.remove();
  }

  function headerRows(first, length) {
    const kind = (first & 15) === 1 ? "text" : "binary";
    const masked = length[0] & 128 ? "MASK: from a client" : "no MASK: from a server";
    const rows = [
      [hex([first]), bits(first, 1, 3, 4), `FIN: all of a message; no RSV bit; opcode ${first & 15}: ${kind}`],
      [hex(length.slice(0, 1)), bits(length[0], 1, 7), `${masked}; length ${length[0] & 127}`],
    ];
    if (length.length > 1) {
      rows[1][2] += ": it is in the next two bytes";
      rows.push([hex(length.slice(1)), "", `length ${length[1] * 256 + length[2]}`]);
    }
    return rows;
  }

  function showSent(text) {
    const { length } = new TextEncoder().encode(text);
    show(`You sent ${length} bytes of text`, "sent", [
      ...headerRows(0x81, lengthBytes(length, 128)),
      ["?? ?? ?? ??", "", "masking key: your browser draws it anew for each frame, and tells no page"],
      [length ? "?? \u2026" : "", text, "the payload data, each byte XOR one of the key's four"],
    ]);
  }

  function showReceived(told) {
    const bytes = told.frame.match(/../g).map((pair) => parseInt(pair, 16));
    const start = bytes[1] === 126 ? 4 : 2;
    const data = bytes.slice(start);
    const why = told.parts ? `, as it came: in ${told.parts} ${told.parts === 1 ? "part" : "parts"}` : "";
    show(`The server sent ${told.len} bytes of ${told.kind}${why}`, "received", [
      ...headerRows(bytes[0], bytes.slice(1, start)),
      [hex(data), new TextDecoder().decode(new Uint8Array(data)), "the payload data, as it is"],
    ]);
  }

  section.hidden = false;
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  let isEcho = true;
  socket.addEventListener("open", () => {
    state.textContent = "open";
    form.elements.send.disabled = false;
  });
  socket.addEventListener("message", ({ data }) => {
    // Echo and description take turns.
    if (!isEcho) showReceived(JSON.parse(data));
    isEcho = !isEcho;
  });
  socket.addEventListener("close", ({ code, reason }) => {
    state.textContent = `closed with ${code} ${reason}`;
    form.elements.send.disabled = true;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (socket.readyState !== WebSocket.OPEN) return;
    const text = form.elements.text.value;
    socket.send(text);
    showSent(text);
    form.elements.text.select();
  });
}
