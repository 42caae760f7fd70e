// The browser's side of the lab: controls are sent, what the server says is shown, strokes are read.
"use strict";

const $ = (id) => document.getElementById(id);
const item = JSON.parse($("lab-item").textContent);
const SLIDER = 100, STROKE = 50; // milliseconds between two rates of the slider, and two pictures of a stroke
let wire = null; // the model by which page and server exchange text
let count = 0;

function send(action, value = "") {
  if (wire) wire.sent = JSON.stringify([++count, action, value]);
}

// At most one call in so many milliseconds; the last one is never lost.
function throttled(call, every) {
  let last = 0, timer = 0;
  return (...given) => {
    clearTimeout(timer);
    const go = () => { last = performance.now(); call(...given); };
    const wait = last + every - performance.now();
    if (wait <= 0) go(); else timer = setTimeout(go, wait);
  };
}

// The bytes of base64; a loop, since Uint8Array.from takes twenty times as long (Chromium 156).
function bytes(text) {
  const binary = atob(text), read = new Uint8Array(binary.length);
  for (let place = 0; place < read.length; place++) read[place] = binary.charCodeAt(place);
  return read;
}

// What plots show: columns of a source and ends of an axis, which the server need not be told of, pixels of a canvas.
const model = (name) => Bokeh.documents[0].get_model_by_name(name);
const plotted = {
  data: (name, data) => model(name).setv({ data }, { sync: false }),
  range: (name, [start, end]) => model(name).setv({ start, end }, { sync: false }),
  pixels: (name, [width, height, places]) => {
    const canvas = $(name), pen = canvas.getContext("2d"), colours = new Uint32Array(bytes(canvas.dataset.colours).buffer);
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
      canvas.parentElement.style.setProperty("--ratio", width / height);
    }
    const image = pen.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
    bytes(places).forEach((place, pixel) => { pixels[pixel] = colours[place]; });
    pen.putImageData(image, 0, 0);
  },
};

// Entries are [id, property, value], such as ["accuracy", "textContent", "0.92"].
function show() {
  for (const [id, property, value] of JSON.parse(wire.shown)) {
    const element = property in plotted ? null : $(id);
    if (property in plotted) plotted[property](id, value);
    if (!element || (property === "value" && element.dataset.editing)) continue;
    if (property.includes("-")) element.setAttribute(property, value);
    else if (element[property] !== value) element[property] = value;
  }
}

// Elements with data-send="action" send: buttons when pressed, inputs when changed, those with data-live at once.
function bind() {
  const sendLive = throttled(send, SLIDER);
  const valueOf = (element) => (element.type === "checkbox" ? element.checked : element.value);
  document.addEventListener("input", ({ target }) => {
    if (target.matches("input:not([type=range])")) target.dataset.editing = "1";
    if (target.dataset.live) sendLive(target.dataset.send, target.value);
  });
  document.addEventListener("change", ({ target }) => {
    delete target.dataset.editing;
    if (target.dataset.send && !target.dataset.live) send(target.dataset.send, valueOf(target));
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.send) send(button.dataset.send, button.value);
    if (button.dataset.copy) copy(button);
    if (button.getAttribute("role") === "tab") choose(button);
  });
  document.addEventListener("toggle", ({ target }) => {
    if (target.dataset.table) send("table", [target.dataset.table, target.open]);
  }, true);
}

async function copy(button) {
  const text = $(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // without permission, or over http from another machine: select it, for Ctrl-C
    getSelection().selectAllChildren($(button.dataset.copy));
  }
  button.textContent = button.dataset.done;
}

// Tabs as the ARIA pattern has them: one is in the tab order, arrows, Home and End go to the others.
function choose(tab) {
  for (const each of document.querySelectorAll("[role=tab]")) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", chosen);
    each.tabIndex = chosen ? 0 : -1;
    $(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  sessionStorage.setItem("tab", tab.id);
  send("tab", tab.id);
  dispatchEvent(new Event("resize"));
}

function bindTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  $("tabs").addEventListener("keydown", (event) => {
    const here = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = tabs[(to + tabs.length) % tabs.length];
    tab.focus();
    choose(tab);
  });
  choose($(sessionStorage.getItem("tab")) || tabs[0]);
}

// The canvas: strokes of a pointer; or the arrow keys, with the space bar to lower and lift the pen.
function bindCanvas() {
  const canvas = $("canvas"), pen = canvas.getContext("2d", { willReadFrequently: true });
  const small = document.createElement("canvas"), side = 112;
  small.width = small.height = side;
  const reader = small.getContext("2d", { willReadFrequently: true });
  const key = { x: canvas.width / 2, y: canvas.height / 2, down: false };
  let at = null;
  Object.assign(pen, { lineWidth: 22, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  const sendPicture = throttled(() => {
    reader.clearRect(0, 0, side, side);
    reader.drawImage(canvas, 0, 0, side, side);
    const { data } = reader.getImageData(0, 0, side, side);
    let ink = "";
    for (let place = 3; place < data.length; place += 4) ink += String.fromCharCode(data[place]);
    send("drawn", btoa(ink));
  }, STROKE);
  const lineTo = (to) => {
    pen.beginPath();
    pen.moveTo(at ? at.x : to.x - 0.01, at ? at.y : to.y); // of a line without length, nothing would be drawn
    pen.lineTo(to.x, to.y);
    pen.stroke();
    at = to;
    sendPicture();
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    at = null;
    lineTo(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const all = event.getCoalescedEvents?.() ?? []; // the points between two frames; some browsers give none
    if (at) for (const each of all.length ? all : [event]) lineTo(place(each));
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { at = null; });
  const mark = () => { $("pen").style.translate = `${(100 * key.x) / canvas.width}cqw ${(100 * key.y) / canvas.width}cqw`; };
  canvas.addEventListener("keydown", (event) => {
    const [x, y] = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key] || [0, 0];
    if (event.key === " ") key.down = !key.down;
    else if (!x && !y) return;
    event.preventDefault();
    key.x = Math.min(Math.max(key.x + x, 0), canvas.width);
    key.y = Math.min(Math.max(key.y + y, 0), canvas.height);
    mark();
    if (key.down) lineTo({ x: key.x, y: key.y }); else at = null;
  });
  canvas.addEventListener("blur", () => { at = null; key.down = false; });
  $("clear").addEventListener("click", () => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    at = null;
    sendPicture();
  });
  mark();
}

// The page has no state of its own: once the server answers again, it is loaded again.
function bindLoss(lab) {
  lab.on_event("connection_lost", () => {
    $("lost").hidden = false;
    const look = async () => {
      try {
        if ((await fetch("/static/icon.svg")).ok) location.reload();
      } catch { /* the server has ended, or the network is away */ }
    };
    setInterval(look, 2000);
  });
}

async function main() {
  bind();
  bindCanvas();
  await Bokeh.embed.embed_items({}, [item], "/");
  const [lab] = Bokeh.documents;
  [wire] = lab.roots()[0].tags;
  wire.properties.shown.change.connect(show);
  bindLoss(lab);
  send("hello"); // before it, the server shows nothing: a page that is being loaded would miss it
  bindTabs();
  const sight = () => send("visible", document.hidden ? "" : "yes"); // a hidden tab gets nothing
  document.addEventListener("visibilitychange", sight);
  if (document.hidden) sight();
  document.body.dataset.ready = "yes";
}

main();
