// The run page: select without loading, scroll through any number of rows, follow a live run.
import { localise } from "./app.js";

const run = document.getElementById("run");
const scroll = document.getElementById("scroll");
const rows = document.getElementById("rows");
const detail = document.getElementById("detail");
const head = document.getElementById("head");
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

async function fetchPart(part, search) {
  const answer = await fetch(`${run.dataset.path}/${part}${search}`, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`${part}: ${answer.status}`);
  return { html: await answer.text(), first: Number(answer.headers.get("X-First")), total: Number(answer.headers.get("X-Total")) };
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
  for (const row of rows.querySelectorAll("[data-row]")) {
    const link = row.querySelector(".nm");
    const is = wanted !== null && new URL(link.href).searchParams.get("span") === wanted;
    row.classList.toggle("sel", is);
    if (is) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

async function showDetail() {
  const mine = ++asked;
  const part = await fetchPart("detail", location.search);
  if (mine !== asked) return; // another was chosen meanwhile
  detail.innerHTML = part.html;
  localise(detail);
}

async function go(search, { push = true, view = false } = {}) {
  if (push) history.pushState(null, "", search || location.pathname);
  mark();
  try {
    if (view) {
      treebar.innerHTML = (await fetchPart("treebar", location.search)).html;
      await fill(true);
    }
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
});

function nextError() {
  const failed = [...rows.querySelectorAll(".s-failed")];
  const at = failed.findIndex((row) => row.classList.contains("sel"));
  const next = failed[at + 1] ?? failed[0];
  if (!next) return;
  next.scrollIntoView({ block: "nearest" });
  next.querySelector(".nm").click();
}

// --- a live run

let stamp = run.dataset.stamp;
let wanted = stamp;
let following = false;

async function follow() {
  if (following) return;
  following = true;
  try {
    while (wanted !== stamp) {
      const now = wanted;
      const part = await fetchPart("head", "");
      if (!head.querySelector("details.stop[open]")) head.innerHTML = part.html;
      localise(head);
      measure();
      treebar.innerHTML = (await fetchPart("treebar", location.search)).html;
      const end = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - 2 * ROW && scroll.scrollTop > 0;
      await fill(true);
      if (end) scroll.scrollTop = scroll.scrollHeight;
      if (detail.querySelector("[data-unsettled]") && !detail.contains(document.getSelection()?.anchorNode ?? null)) await showDetail();
      stamp = now;
      run.dataset.stamp = stamp;
    }
  } catch (error) {
    console.warn(`the run could not be followed: ${error.message}`);
  } finally {
    following = false;
  }
}

// Browsers open only six connections to a server: pages that nobody looks at let go of theirs.
let source = null;

function listen() {
  if (source || document.hidden || run.dataset.live !== "yes") return;
  source = new EventSource(`${run.dataset.path}/live`);
  source.addEventListener("changed", (event) => {
    wanted = event.data;
    follow();
  });
  source.addEventListener("end", (event) => {
    silence();
    run.dataset.live = "no";
    wanted = event.data;
    follow();
  });
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    source = null;
    setTimeout(listen, 5000); // refused: the browser gives up, we do not
  });
}

function silence() {
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => (document.hidden ? silence() : listen()));

// --- begin

function measure() {
  const top = document.querySelector(".top").offsetHeight;
  document.documentElement.style.setProperty("--head", `${head.offsetHeight + 1 + top - 46}px`);
}

measure();
addEventListener("resize", () => { measure(); fill(); });
space();
scroll.addEventListener("scroll", () => { if (!loading) fill(); }, { passive: true });
const chosen = rows.querySelector(".sel");
if (chosen) chosen.scrollIntoView({ block: "nearest" });
else if (first > 0) scroll.scrollTop = first * ROW;
fill();
listen();
