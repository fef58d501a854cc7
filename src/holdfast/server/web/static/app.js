// On every page: times in the reader's zone, running clocks, the theme, keys. Pages are whole without it.
document.documentElement.classList.add("js");

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

function ago(then, now) {
  const seconds = Math.floor(Math.abs(now - then) / 1000);
  if (seconds < 10) return "just now";
  const [size, unit] = units.find(([size]) => seconds >= size);
  const text = `${Math.floor(seconds / size)} ${unit}`;
  return then <= now ? `${text} ago` : `in ${text}`;
}

function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Times below `root` in the reader's own zone; the exact UTC time stays in the title. */
export function localise(root) {
  const now = Date.now();
  for (const time of root.querySelectorAll("time[data-ago], time[data-clock]")) {
    const then = new Date(time.dateTime);
    if (Number.isNaN(then.getTime())) continue;
    if (!time.dataset.zoned) {
      time.dataset.zoned = "yes";
      time.title = `${zone.format(then)}, ${time.title}`;
    }
    time.textContent = "ago" in time.dataset ? ago(then, now) : (then.getFullYear() === new Date().getFullYear() ? clock : zone).format(then);
  }
}

function tick() {
  if (document.hidden) return;
  for (const cell of document.querySelectorAll("[data-ticks]")) cell.textContent = duration(Date.now() - Number(cell.dataset.ticks));
}

localise(document);
setInterval(tick, 1000);
setInterval(() => localise(document), 30000);

for (const select of document.querySelectorAll("[data-submit]")) select.addEventListener("change", () => select.form.requestSubmit());
document.querySelector("form.filters")?.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
});

document.querySelector("form.theme")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const theme = event.submitter?.value ?? "auto";
  document.documentElement.dataset.theme = theme;
  document.cookie = `holdfast_theme=${theme};path=/;max-age=31536000;samesite=lax`;
  for (const button of event.target.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === theme));
});

const help = document.getElementById("help");
const keys = document.querySelector(".keys");
keys.hidden = false;
keys.addEventListener("click", () => help.showModal());

/** Move the cursor among the rows by `step`, from the cursor or the selected row. */
function move(step) {
  const rows = [...document.querySelectorAll("[data-rows] [data-row]")];
  if (!rows.length) return;
  const from = rows.findIndex((row) => row.classList.contains("at"));
  const start = from >= 0 ? from : rows.findIndex((row) => row.classList.contains("sel"));
  const next = rows[Math.max(0, Math.min(rows.length - 1, start + step))];
  rows[from]?.classList.remove("at");
  next.classList.add("at");
  next.querySelector("[data-open]").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (!search) return;
    search.focus();
    search.select();
  } else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "?") help.showModal();
  else return;
  event.preventDefault();
});
