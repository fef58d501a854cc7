// Draws charts out of the tables beside them. plotly.js (4.8 MB) is loaded when the first chart comes near.
let library;

/** Loads plotly.js under a policy that refuses inline styles: what it would write into `<style>` elements is in
 * our stylesheet, and its one `style` attribute is set through the object model, which the policy allows. */
function load(src) {
  library ??= new Promise((resolve, reject) => {
    const own = document.createElement("meta");
    own.id = "plotly.js-style-global";
    own.className = "no-inline-styles"; // asks it to leave styles alone
    document.head.append(own);
    const plain = Element.prototype.setAttribute;
    SVGElement.prototype.setAttribute = function (name, value) {
      if (name === "style") this.style.cssText = value;
      else plain.call(this, name, value);
    };
    const script = document.createElement("script");
    script.src = src;
    document.head.append(script);
    // the maps in it bring a style sheet along at once; here are no maps
    document.head.appendChild = (node) => (node.nodeName === "STYLE" ? node : Node.prototype.appendChild.call(document.head, node));
    const done = (how) => () => { delete document.head.appendChild; how(window.Plotly); };
    script.addEventListener("load", done(resolve));
    script.addEventListener("error", done(reject));
  });
  return library;
}

function colours(names) {
  const probe = document.createElement("i");
  document.body.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

const STEPS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800];

function seconds(value) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) if (value >= size) return `${+(value / size).toFixed(2)} ${unit}`;
  return value === 0 ? "0" : `${+(value * 1000).toFixed(2)} ms`;
}

/** How the values up to `most` are written along the axis. */
function ticks(unit, most) {
  if (unit === "seconds") {
    const step = STEPS.find((size) => most <= size * 6) ?? most / 5;
    const values = Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
    return { tickvals: values, ticktext: values.map(seconds) };
  }
  const large = most >= 1000;
  if (unit === "dollars") return { tickprefix: "$", tickformat: large ? "~s" : "~r" };
  return { tickformat: large ? "~s" : ",d", ...(most <= 5 ? { dtick: 1 } : {}) };
}

function figure(section) {
  const table = section.querySelector("table");
  const rows = [...table.tBodies[0].rows];
  // hours are shown in the reader's zone; days, which have no time element, are days of UTC
  const x = rows.map((row) => {
    const time = row.querySelector("time");
    return time ? local(new Date(time.dateTime)) : row.cells[0].textContent.trim();
  });
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const [text, dim, line, sheet, ...own] = colours(["text", "dim", "line", "sheet", ...heads.map((head) => colour(head.dataset.colour))]);
  const bars = section.dataset.kind === "bars";
  const data = heads.map((head, at) => {
    const cells = rows.map((row) => row.cells[at + 1]);
    return {
      type: bars ? "bar" : "scatter",
      mode: "lines+markers",
      name: head.textContent.replaceAll("<", "‹"),
      x,
      y: cells.map(value),
      customdata: cells.map((cell) => cell.textContent),
      hovertemplate: "%{customdata}",
      marker: { color: own[at], size: 5, line: { width: bars ? 0.5 : 0, color: sheet } },
      line: { color: own[at], width: 2, dash: ["solid", "dot", "dash"][at % 3] },
      connectgaps: false,
    };
  });
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickfont: { color: dim, size: 11 }, fixedrange: true, automargin: true };
  return {
    data,
    layout: {
      barmode: "stack", bargap: 0.25, height: 230, margin: { l: 8, r: 8, t: 8, b: 8 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "x unified", dragmode: false,
      hoverlabel: { bgcolor: sheet, bordercolor: line, font: { color: text, size: 12 } },
      font: { family: getComputedStyle(document.body).fontFamily, color: text },
      xaxis: { ...axis, type: "date", showgrid: false, nticks: 8 },
      yaxis: { ...axis, rangemode: "tozero", nticks: 5, ...ticks(section.dataset.unit, highest(data, bars)) },
    },
  };
}

function highest(data, stacked) {
  const sums = data[0].y.map((_, at) => (stacked ? data.reduce((sum, line) => sum + (line.y[at] ?? 0), 0) : Math.max(...data.map((line) => line.y[at] ?? 0))));
  return Math.max(0, ...sums);
}

/** A number is what is said to be drawn, or what its text says: `1,234`, `≥ $0.5`, and nothing for `—`. */
function value(cell) {
  const told = cell.dataset.v ?? cell.textContent.replace(/[≥<$,\s]/g, "");
  return /^[\d.e+-]+$/.test(told) ? Number(told) : null;
}

const colour = (name) => (/^c-(\d|other)$/.test(name) ? (name === "c-7" ? "c-other" : name) : name.slice(2));
const two = (number) => String(number).padStart(2, "0");
const local = (time) => `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}`;

async function draw(section) {
  const plot = section.querySelector(".plot");
  if (!plot) return;
  let plotly;
  try {
    plotly = await load(section.closest("[data-plotly]").dataset.plotly);
  } catch {
    section.classList.add("drawn"); // the table stays open: it has the same numbers
    return;
  }
  plot.hidden = false;
  const { data, layout } = figure(section);
  await plotly.react(plot, data, layout, { displayModeBar: false, responsive: true });
  if (section.classList.contains("drawn")) return;
  section.classList.add("drawn");
  section.querySelector(".as-table").open = false;
  plot.on("plotly_click", (event) => {
    // the table of one chart has the links, for the points of all
    const linked = section.parentNode.querySelector("tbody:has(a)");
    location.href = linked.rows[event.points[0].pointIndex].querySelector("a").href;
  });
}

const hours = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/** Times of chart tables in the reader's zone. */
export function localHours(root) {
  for (const time of root.querySelectorAll("time[data-hour]")) time.textContent = hours.format(new Date(time.dateTime));
}

const shown = new Set();
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    near.unobserve(entry.target);
    shown.add(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "400px" });

/** Draws the charts below `root` as they come near, and again whenever the theme changes. */
export function watchCharts(root) {
  localHours(root);
  for (const section of root.querySelectorAll(".chart")) near.observe(section);
  const again = () => shown.forEach(draw);
  new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}

/** Draws a chart anew after its table has changed. */
export function redraw(section) {
  if (shown.has(section)) draw(section);
}
