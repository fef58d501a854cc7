// The overview keeps itself up to date: numbers every few seconds, charts every minute, while somebody looks.
import { localise } from "./app.js";
import { localHours, redraw, watchCharts } from "./charts.js";

const page = document.querySelector(".page");
const figures = document.getElementById("figures");
const NUMBERS = 5000;
const CHARTS = 60000;

watchCharts(page);

async function fetched(url) {
  const answer = await fetch(url);
  if (answer.redirected) location.reload(); // logged out: the page that this leads to says so
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

const told = new Map();

/** Puts in what has changed and leaves alone what has not: nothing flickers, and what is focused stays. */
function renew(before, after) {
  const text = after.innerHTML;
  if (told.get(after.dataset.live) === text || before.contains(document.activeElement)) return;
  told.set(after.dataset.live, text);
  before.replaceChildren(...after.childNodes);
  localise(before);
}

async function numbers() {
  const found = await fetched(figures.dataset.part);
  const parts = found.querySelectorAll("[data-live]");
  if (!parts.length) throw new Error("not the numbers");
  for (const after of parts) {
    const before = figures.querySelector(`[data-live="${after.dataset.live}"]`);
    if (before) renew(before, after);
  }
}

async function charts() {
  const found = await fetched(location.pathname + location.search);
  for (const after of found.querySelectorAll(".chart")) {
    const before = document.getElementById(after.id);
    const tables = [before?.querySelector("tbody"), after.querySelector("tbody")];
    if (!tables[0] || !tables[1]) continue;
    const heads = [before, after].map((section) => section.querySelector("thead").textContent);
    if (heads[0] !== heads[1]) before.querySelector("thead").replaceWith(after.querySelector("thead"));
    before.querySelector(".legend").replaceWith(after.querySelector(".legend"));
    tables[0].replaceWith(tables[1]);
    localHours(before);
    redraw(before);
  }
}

function stale(is) {
  const told = document.getElementById("stale");
  if (!is) return told?.remove();
  if (told) return;
  const note = Object.assign(document.createElement("p"), { id: "stale", className: "notice stale", textContent: "Not up to date: the server does not answer. Trying again." });
  note.setAttribute("role", "status");
  document.body.append(note);
}

function every(wait, work) {
  let failures = 0;
  const step = async () => {
    if (!document.hidden) {
      try {
        await work();
        failures = 0;
        stale(false);
      } catch {
        failures += 1;
        stale(failures > 1);
      }
    }
    setTimeout(step, wait * Math.min(6, 1 + failures));
  };
  setTimeout(step, wait);
}

if (figures) {
  every(NUMBERS, numbers);
  every(CHARTS, charts);
}
