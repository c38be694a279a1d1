/* Plotly in Ridgeline's hand: one template read from the CSS tokens, so both themes follow tokens.css and nothing here names a colour. */
const root = document.documentElement;
export const css = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
export const alpha = (color, a) => {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  return `rgba(${r},${g},${b},${a})`;
};
export const narrow = () => innerWidth < 720;
const CONFIG = {
  displaylogo: false, responsive: true, displayModeBar: true, doubleClick: "reset",
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
};

export function template() {
  const [ink, ink2, ink3, line, line2, surface, raised] = ["ink", "ink-2", "ink-3", "line", "line-2", "surface", "raised"].map(css);
  const axis = {
    gridcolor: line, gridwidth: 1, zeroline: false, linecolor: line2, showline: false, ticks: "", tickfont: { size: 11, color: ink3 },
    title: { font: { size: 11, color: ink3 }, standoff: 6 }, automargin: true,
  };
  return {
    layout: {
      font: { family: css("sans"), size: 12, color: ink2 }, colorway: [1, 2, 3, 4, 5, 6, 7, 8].map((i) => css(`c${i}`)),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 44, r: 16, t: 12, b: 36 }, showlegend: false,
      xaxis: { ...axis, showgrid: false, showline: true, ticks: "outside", ticklen: 4, tickcolor: line2, showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "solid", spikecolor: line2, spikesnap: "data" },
      yaxis: axis,
      hovermode: "x unified",
      hoverlabel: { bgcolor: raised, bordercolor: line2, font: { family: css("sans"), size: 12, color: ink } },
      modebar: { bgcolor: alpha(surface, 0.85), color: ink3, activecolor: ink, orientation: "h" },
      annotationdefaults: { font: { size: 12, color: ink2 }, showarrow: false },
      shapedefaults: { line: { color: ink3, width: 1 } },
      dragmode: "zoom", uirevision: "keep",
    },
  };
}

/* Numbers a reader can name on a log axis: 0.1, 0.2, 0.5 over decades; 0.12, 0.15, 0.2, 0.3 over a narrow range. */
export function logTicks(lo, hi) {
  const decades = Math.log10(hi / lo);
  const fine = decades > 0.22 ? [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8] : [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
  const steps = decades > 5 ? [1] : decades > 2.2 ? [1, 3] : decades > 1 ? [1, 2, 5] : decades > 0.45 ? [1, 1.5, 2, 3, 5, 7] : fine;
  const every = decades > 9 ? 3 : decades > 6 ? 2 : 1;
  const tickvals = [];
  for (let k = Math.floor(Math.log10(lo)); k <= Math.ceil(Math.log10(hi)); k++) {
    if (decades > 5 && k % every) continue;
    for (const s of steps) if (s * 10 ** k >= lo * 0.999 && s * 10 ** k <= hi * 1.001) tickvals.push(+(s * 10 ** k).toPrecision(6));
  }
  if (tickvals.length < 2) return { tickmode: "auto", nticks: 5 };
  return { tickmode: "array", tickvals, ticktext: tickvals.map((v) => (decades > 5 && v !== 1 ? `10${sup(Math.round(Math.log10(v)))}` : short(v))) };
}
export const short = (v) => {
  if (v === 0) return "0";
  const a = Math.abs(v);
  if (a >= 1000 && a < 1e7) return (+v.toPrecision(4)).toLocaleString("en-US").replace("-", "−");
  if (a < 1e4 && a >= 1e-4) return String(+v.toPrecision(3)).replace("-", "−");
  const k = Math.floor(Math.log10(a) + 1e-9), m = v / 10 ** k;
  return `${Math.abs(m - 1) < 1e-6 ? "" : `${+m.toPrecision(2)}×`}10${sup(k)}`;
};
const sup = (k) => String(k).replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);

/* Names beside the ends of lines instead of a legend, pushed apart so that none covers another. */
export function endLabels(items, { log = true, height = 300, range, gap = 15 }) {
  const f = (v) => (log ? Math.log10(v) : v);
  const px = height / (range[1] - range[0]);
  const placed = items.filter((d) => Number.isFinite(f(d.y))).map((d) => ({ ...d, at: f(d.y) })).sort((a, b) => a.at - b.at);
  if (placed.length) placed[0].at = Math.max(placed[0].at, range[0] + 8 / px);
  for (let i = 1; i < placed.length; i++) placed[i].at = Math.max(placed[i].at, placed[i - 1].at + gap / px);
  const over = placed.length ? placed.at(-1).at - range[1] : 0;
  if (over > 0) for (const d of placed) d.at -= over;
  return placed.map((d) => ({ x: d.x, y: d.at, xref: "x", yref: "y", xanchor: "left", yanchor: "middle", xshift: 8, text: d.text, font: { size: 12, color: d.color } }));
}

/* What stands in the corner instead of a turned axis title. */
export const corner = (text) => ({ xref: "paper", yref: "paper", x: 0, y: 1, xanchor: "left", yanchor: "bottom", xshift: -40, yshift: 4, text, font: { size: 11, color: css("ink-3") } });

/* Lowest to highest of all known values with a little air, in the axis' own units. */
export function span(values, log) {
  let lo = Infinity, hi = -Infinity;
  for (const v of values) if (v !== null && Number.isFinite(v) && (!log || v > 0)) { if (v < lo) lo = v; if (v > hi) hi = v; }
  if (lo > hi) [lo, hi] = [0.1, 1];
  const [a, b] = log ? [Math.log10(lo), Math.log10(hi)] : [lo, hi];
  const air = (b - a) * 0.07 || Math.max(Math.abs(a) * 0.05, 0.05);
  return [a - air, b + air];
}

/* Draw now, and again whenever the theme changes. `make` returns {data, layout}; zoom survives through uirevision. */
const drawn = new Map();
export function draw(el, make) {
  drawn.set(el, make);
  el.querySelector(":scope > .skeleton")?.remove();
  const { data, layout, table } = make();
  el.table = table; // rows of a figure that is no curve
  return window.Plotly.react(el, data, layout, CONFIG).then(() => numbers(el));
}
const again = () => { for (const [el, make] of drawn) if (el.isConnected) draw(el, make); else drawn.delete(el); };
new MutationObserver(again).observe(root, { attributeFilter: ["data-theme"] });

/* The same numbers as a table, written when somebody opens it. */
function numbers(el) {
  const details = document.querySelector(`details[data-of="${el.id}"]`) ?? el.parentElement.querySelector(":scope > details.numbers");
  if (!details) return;
  details.ontoggle = () => details.open && write(details, el);
  if (details.open) write(details, el);
}
function write(details, el) {
  const [names, ...lines] = el.table ?? columns(el);
  const cell = (tag, text, cls) => Object.assign(document.createElement(tag), { textContent: text, className: cls });
  const said = (value) => (typeof value === "number" ? +value.toPrecision(5) : (value ?? "–"));
  const table = Object.assign(document.createElement("table"), { className: "table tight" });
  table.createTHead().insertRow().append(...names.map((name, i) => cell("th", name, i ? "num" : "")));
  const body = table.createTBody();
  for (const line of lines) body.insertRow().append(...line.map((value, i) => cell("td", said(value), i ? "num" : "")));
  details.lastElementChild.tabIndex = 0;
  details.lastElementChild.replaceChildren(table);
}
/* A row for each x, a column for each trace. */
function columns(el) {
  const traces = el.data.filter((t) => t.hoverinfo !== "skip" && t.x.length), rows = new Map();
  traces.forEach((t, k) => t.x.forEach((x, i) => rows.set(x, Object.assign(rows.get(x) ?? [], { [k]: t.y[i] }))));
  const known = (y) => (Number.isFinite(y) ? y.toPrecision(5) : "–");
  return [
    [el.layout.xaxis?.title?.text ?? "x", ...traces.map((t) => t.name)],
    ...[...rows].sort((a, b) => a[0] - b[0]).map(([x, ys]) => [short(x), ...traces.map((_, k) => known(ys[k]))]),
  ];
}
