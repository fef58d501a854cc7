// The waterfall of a run: select without loading, scroll through any number of rows, find, look closer, follow.
import { localise } from "./app.js";
import { fetchPart, follow, measure, run } from "./run_live.js";

const scroll = document.getElementById("scroll");
const rows = document.getElementById("rows");
const detail = document.getElementById("detail");
const finder = document.getElementById("find");
const found = document.getElementById("found");
const treebar = document.getElementById("treebar");
const ROW = 28;
const CHUNK = 120;
const KEEP = 720; // rows in the page at most; the others are space above and below

let first = Number(rows.dataset.first);
let total = Number(rows.dataset.total);
let count = rows.querySelectorAll("[data-row]").length;
let loading = false;
let asked = 0;

const above = document.createElement("div");
const below = document.createElement("div");
rows.before(above);
rows.after(below);

function query(changes) {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  return `?${params}`;
}

function space() {
  above.style.height = `${first * ROW}px`;
  below.style.height = `${Math.max(0, total - first - count) * ROW}px`;
}

/** Load what lies around the visible place, if it is not there. */
async function fill(force = false) {
  const top = Math.max(0, Math.floor((scroll.scrollTop) / ROW));
  const seen = Math.ceil(scroll.clientHeight / ROW);
  const from = Math.max(0, Math.min(top - 20, total - 1));
  const to = Math.min(total, top + seen + 20);
  if (loading || (!force && from >= first && to <= first + count)) return;
  loading = true;
  try {
    const near = from < first + count + CHUNK && to > first - CHUNK && count > 0;
    const start = force || !near ? Math.max(0, from - 20) : from < first ? Math.max(0, first - CHUNK) : first + count;
    const size = force || !near ? Math.min(300, Math.max(CHUNK, to - start + 20)) : from < first ? first - start : CHUNK;
    const part = await fetchPart("rows", query({ from: start, count: size }));
    total = part.total;
    if (force || !near) {
      rows.innerHTML = part.html;
      first = start;
    } else if (from < first) {
      rows.insertAdjacentHTML("afterbegin", part.html);
      first = start;
    } else {
      rows.insertAdjacentHTML("beforeend", part.html);
    }
    trim(top);
    count = rows.querySelectorAll("[data-row]").length;
    mark();
    space();
  } catch (error) {
    console.warn(`rows could not be loaded: ${error.message}`);
    await new Promise((done) => setTimeout(done, 1000));
  } finally {
    loading = false;
  }
  if (!force) requestAnimationFrame(() => fill());
}

function trim(top) {
  const held = [...rows.querySelectorAll("[data-row]")];
  const over = held.length - KEEP;
  if (over <= 0) return;
  if (top - first > held.length / 2) {
    for (const row of held.slice(0, over)) row.remove();
    first += over;
  } else for (const row of held.slice(-over)) row.remove();
}

function selected() {
  return new URLSearchParams(location.search).get("span");
}

/** Mark the selected row, wherever its row came from. */
function mark() {
  const wanted = selected();
  for (const row of rows.querySelectorAll(".sel")) {
    row.classList.remove("sel");
    row.querySelector(".nm").removeAttribute("aria-current");
  }
  if (wanted === null) return;
  for (const link of rows.querySelectorAll(".nm")) {
    if (new URL(link.href).searchParams.get("span") !== wanted) continue;
    link.closest("[data-row]").classList.add("sel");
    link.setAttribute("aria-current", "true");
    return;
  }
}

/** Buttons that copy a whole payload: only where the browser lets pages write to the clipboard. */
function offerCopies() {
  if (!navigator.clipboard) return;
  for (const button of detail.querySelectorAll("[data-copy]")) button.hidden = false;
}

detail.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(await (await fetch(button.dataset.copy)).text());
    button.textContent = "copied";
  } catch {
    button.textContent = "not copied";
  }
  setTimeout(() => { button.textContent = "copy"; }, 2000);
});

async function showDetail() {
  const mine = ++asked;
  const part = await fetchPart("detail", location.search);
  if (mine !== asked) return; // another was chosen meanwhile
  detail.innerHTML = part.html;
  localise(detail);
  offerCopies();
}

async function showTree() {
  treebar.innerHTML = (await fetchPart("treebar", location.search)).html;
  await fill(true);
}

async function go(search, { push = true, view = false } = {}) {
  if (push) history.pushState(null, "", search || location.pathname);
  mark();
  try {
    if (view) await showTree();
    if (finder.find.value) found.innerHTML = (await fetchPart("found", location.search)).html;
    await showDetail();
  } catch {
    location.reload(); // let the server say what is wrong
  }
}

document.addEventListener("click", (event) => {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a[data-span], a[data-view]");
  if (!link || !run.contains(link)) return;
  event.preventDefault();
  const url = new URL(link.href);
  const view = "view" in link.dataset;
  if (!view) {
    // the tree stays as it is: only the selection changes
    const span = url.searchParams.get("span");
    go(query({ span, from: null })).then(() => {
      detail.scrollTop = 0;
      if (innerWidth < 1000) detail.scrollIntoView({ block: "start" });
    });
    if (!rows.contains(link) && span !== null) reveal(url);
  } else {
    if (!link.classList.contains("f")) scroll.scrollTop = 0;
    url.searchParams.delete("from");
    if (link.closest(".zoom")) {
      go(url.search, { view: true }).then(toZoom);
      return;
    }
    if (selected() === null) url.searchParams.delete("span");
    else url.searchParams.set("span", selected());
    go(url.search, { view: true });
  }
});

/** Bring a span that was chosen elsewhere than in the tree into view. */
async function reveal(url) {
  if (rows.querySelector(".sel")) {
    rows.querySelector(".sel").scrollIntoView({ block: "nearest" });
    return;
  }
  const part = await fetchPart("rows", url.search);
  rows.innerHTML = part.html;
  first = part.first;
  total = part.total;
  count = rows.querySelectorAll("[data-row]").length;
  mark();
  space();
  rows.querySelector(".sel")?.scrollIntoView({ block: "center" });
}

addEventListener("popstate", () => go("", { push: false, view: true }));
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && selected() !== null) go(query({ span: null, from: null }));
  else if (event.key === "e") nextError();
  else if (event.key === "n" || event.key === "N") step(event.key === "n" ? "next" : "prev");
  else if (event.key === "f") {
    event.preventDefault();
    finder.find.focus();
    finder.find.select();
  }
});

function nextError() {
  const failed = [...rows.querySelectorAll(".s-failed")];
  const at = failed.findIndex((row) => row.classList.contains("sel"));
  const next = failed[at + 1] ?? failed[0];
  if (!next) return;
  next.scrollIntoView({ block: "nearest" });
  next.querySelector(".nm").click();
}

// --- find

let typed = null;

function look() {
  clearTimeout(typed);
  typed = null;
  history.replaceState(null, "", query({ find: finder.find.value.trim() || null, span: null, from: null }));
  return fetchPart("found", location.search).then((part) => {
    found.innerHTML = part.html;
    return fill(true);
  });
}

finder.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(look, 250);
});

finder.addEventListener("submit", (event) => {
  event.preventDefault();
  (typed === null ? Promise.resolve() : look()).then(() => step("next"));
});

/** To the next or previous of what was found. */
function step(which) {
  found.querySelector(`[rel=${which}]`)?.click();
}

// --- the time: drag over the part to look at

let began = null;

function share(event) {
  const sketch = document.getElementById("sketch").getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - sketch.left) / sketch.width));
}

treebar.addEventListener("pointerdown", (event) => {
  if (event.button || !event.target.closest("#sketch")) return;
  began = share(event);
  event.target.closest("#sketch").setPointerCapture(event.pointerId);
});
treebar.addEventListener("pointermove", (event) => {
  if (began === null) return;
  const part = treebar.querySelector(".part");
  part.setAttribute("x", 1000 * Math.min(began, share(event)));
  part.setAttribute("width", 1000 * Math.abs(share(event) - began));
});
treebar.addEventListener("pointerup", (event) => {
  if (began === null) return;
  const [from, to] = [began, share(event)].sort((a, b) => a - b);
  began = null;
  const whole = Number(document.getElementById("sketch").dataset.whole);
  const wide = to - from > 0.005;
  scroll.scrollTop = 0;
  go(query({ t0: wide ? Math.floor(from * whole) : null, t1: wide ? Math.ceil(to * whole) : null, from: null }), { view: true }).then(toZoom);
});

/** Bring the first row of the time that is looked at into view. */
async function toZoom() {
  if (!new URLSearchParams(location.search).has("t0")) return;
  const part = await fetchPart("rows", query({ from: null, span: null, find: null }));
  scroll.scrollTop = part.at * ROW;
}

// --- begin

follow(async () => {
  treebar.innerHTML = (await fetchPart("treebar", location.search)).html;
  const end = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - 2 * ROW && scroll.scrollTop > 0;
  await fill(true);
  if (end) scroll.scrollTop = scroll.scrollHeight;
  if (detail.querySelector("[data-unsettled]") && !detail.contains(document.getSelection()?.anchorNode ?? null)) await showDetail();
});
offerCopies();
measure();
addEventListener("resize", () => { measure(); fill(); });
space();
scroll.addEventListener("scroll", () => { if (!loading) fill(); }, { passive: true });
const chosen = rows.querySelector(".sel") ?? rows.querySelector(".hit");
if (chosen) chosen.scrollIntoView({ block: "nearest" });
else if (first > 0) scroll.scrollTop = first * ROW;
fill();
