"use strict";

const SPAN = 60_000; // milliseconds that a chart shows
const WIDTH = 300, TOP = 10, BOTTOM = 70;

const $ = id => document.getElementById(id);
const cards = new Map(); // by the name of the reading
let interval = 1000;

// The connection: it comes back by itself, and a silence counts as its end.

let delay = 500, watchdog;

function connect() {
  tell("waiting", "Connecting");
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/sensors");
  const watch = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(lose, Math.max(6000, 3 * interval));
  };
  const lose = () => {
    socket.onclose = socket.onmessage = null;
    clearTimeout(watchdog);
    socket.close();
    $("readings").classList.add("stale");
    tell("lost", `Connection lost, next try in ${delay / 1000} s`);
    setTimeout(connect, delay);
    delay = Math.min(2 * delay, 8000);
  };
  socket.onclose = lose;
  socket.onmessage = event => {
    watch();
    if (delay > 500 || !cards.size) loadSettings();
    delay = 500;
    show(JSON.parse(event.data).readings);
  };
  watch();
}

function tell(state, text) {
  const place = $("state");
  place.dataset.state = state;
  if (place.textContent !== text) place.textContent = text; // Screen readers read what changes.
}

// The readings.

function show(readings) {
  const now = performance.now();
  for (const reading of readings) {
    let card = cards.get(reading.name);
    if (!card) cards.set(reading.name, card = addCard(reading));
    card.points.push([now, reading.value]);
    card.digits = Math.max(card.digits, (String(reading.value).split(".")[1] || "").length);
    draw(card, now);
  }
  $("readings").classList.remove("stale");
  tellLive();
}

function tellLive() {
  tell("live", `Live, every ${interval < 1000 ? interval + " ms" : interval / 1000 + " s"}`);
}

function addCard(reading) {
  const element = $("card").content.cloneNode(true).firstElementChild;
  const find = selector => element.querySelector(selector);
  find("h2").textContent = reading.name;
  find(".value span").textContent = reading.unit;
  $("readings").append(element);
  const [min, max] = element.querySelectorAll("dd");
  return {
    points: [], digits: 0, value: find("b"), min, max,
    chart: find("svg"), area: find(".area"), line: find(".line"), tip: find(".tip"),
  };
}

function draw(card, now) {
  // The last point before the span stays, so that the line comes in from the edge.
  while (card.points.length > 1 && card.points[1][0] < now - SPAN) card.points.shift();
  const values = card.points.map(point => point[1]);
  const min = Math.min(...values), max = Math.max(...values);
  const text = value => value.toLocaleString("en", { minimumFractionDigits: card.digits });
  card.value.textContent = text(values.at(-1));
  card.min.textContent = text(min);
  card.max.textContent = text(max);
  card.chart.setAttribute("aria-label", `The last minute: from ${text(min)} to ${text(max)}`);

  const x = time => Math.max(0, WIDTH * (1 - (now - time) / SPAN));
  const y = value => max > min ? BOTTOM - (BOTTOM - TOP) * (value - min) / (max - min) : (TOP + BOTTOM) / 2;
  const line = card.points.map(([time, value]) => `${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
  card.line.setAttribute("d", "M" + line);
  card.area.setAttribute("d", `M${x(card.points[0][0]).toFixed(1)} 80L${line}V80Z`);
  card.tip.setAttribute("d", `M${WIDTH} ${y(values.at(-1)).toFixed(1)}h0`);
}

// The settings.

async function loadSettings() {
  const response = await fetch("/settings").catch(() => null);
  if (response?.ok) take(await response.json());
}

function take(settings) {
  interval = settings.interval;
  if ($("state").dataset.state === "live") tellLive();
  document.title = $("name").textContent = settings.name;
  const form = $("settings");
  form.interval.value = interval;
  form.led.value = settings.led ? "on" : "off";
}

$("settings").addEventListener("submit", async event => {
  event.preventDefault();
  const form = event.target, result = $("result");
  const change = { interval: Number(form.interval.value), led: form.led.value === "on" };
  try {
    const response = await fetch("/settings", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(change),
    });
    if (!response.ok) throw await response.text();
    take(await response.json());
    result.className = "";
    result.textContent = "Applied.";
  } catch (mistake) {
    result.className = "bad";
    result.textContent = typeof mistake === "string" ? mistake : "The device does not answer.";
  }
});

connect();
