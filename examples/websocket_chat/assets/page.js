"use strict";
// What others say goes into the page as text and never as markup.
{
  const [join, say, log, state, here] = ["join", "say", "log", "state", "here"].map((id) => document.getElementById(id));
  const BACK_OFF = { first: 500, most: 30000 }; // Milliseconds.
  const CANNOT_JOIN = 4000;
  let socket, timer;
  let delay = BACK_OFF.first;
  let members = new Set();

  function add(text, name) {
    const item = document.createElement("li");
    if (name === undefined) {
      item.className = "notice";
    } else {
      const who = document.createElement("b");
      who.textContent = `${name}: `;
      item.append(who);
    }
    item.append(text);
    log.append(item);
    item.scrollIntoView({ block: "nearest" });
  }

  function showMembers() {
    here.textContent = [...members].join(", ") || "nobody";
  }

  function take(message) {
    if (message.here) {
      delay = BACK_OFF.first;
      members = new Set(message.here);
      log.replaceChildren();
      for (const { name, said } of message.history) add(said, name);
      say.elements[1].disabled = false;
      state.textContent = `You are ${join.elements.name.value} in ${join.elements.room.value}.`;
      say.elements.text.focus();
    } else if (message.said) {
      add(message.said, message.name);
    } else if (message.came) {
      members.add(message.came);
      add(`${message.came} has come`);
    } else if (message.left) {
      members.delete(message.left);
      add(`${message.left} has left`);
    } else if (message.error) {
      add(message.error);
    }
    showMembers();
  }

  function connect() {
    clearTimeout(timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const mine = new WebSocket(`${scheme}://${location.host}/ws`);
    socket = mine;
    state.textContent = "Connecting";
    mine.addEventListener("open", () => {
      mine.send(JSON.stringify({ join: join.elements.room.value, name: join.elements.name.value }));
    });
    mine.addEventListener("message", ({ data }) => take(JSON.parse(data)));
    mine.addEventListener("close", ({ code, reason }) => {
      if (mine !== socket) return; // Another room was joined meanwhile.
      say.elements[1].disabled = true;
      const wasHere = members.size > 0;
      members.clear();
      showMembers();
      if (code === CANNOT_JOIN && !wasHere && delay === BACK_OFF.first) {
        state.textContent = reason;
        return;
      }
      // Later each time, and not at the same moment as all the others.
      const wait = delay * (0.5 + Math.random() / 2);
      state.textContent = `The connection is lost${reason && `: ${reason}`}; it is tried again.`;
      timer = setTimeout(connect, wait);
      delay = Math.min(2 * delay, BACK_OFF.most);
    });
  }

  join.addEventListener("submit", (event) => {
    event.preventDefault();
    delay = BACK_OFF.first;
    members.clear();
    const before = socket;
    connect();
    before?.close(1000);
  });
  say.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = say.elements.text.value.trim();
    if (!text || socket?.readyState !== WebSocket.OPEN) return;
    socket.send(JSON.stringify({ say: text }));
    say.elements.text.value = "";
  });
}
