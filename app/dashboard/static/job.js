/* The page of a job, live: curves from the store, then the stream from there on. Words and tables stay the server's; this only asks for them again. */
import { $, $$, metric, seconds, spoken } from "./app.js";
import { alpha, corner, css, draw, endLabels, logTicks, narrow, span, template } from "./theme.js";

const el = $("#job"), id = el.dataset.id, book = el.dataset.book ? +el.dataset.book : null;
const FEW = 20, QUANTILES = [0, 0.1, 0.5, 0.9, 1];
const groups = new Map();
let seq = +el.dataset.seq, ended = el.dataset.live === "no", stream = null, log = true, late = false;

/* ---------- numbers of a group: x and y of the mean, and of each run or of the quantiles over many */
const known = (v) => v !== null && Number.isFinite(v);
function quantiles(values) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  if (!sorted.length) return QUANTILES.map(() => null);
  return QUANTILES.map((q) => {
    const at = q * (sorted.length - 1), i = Math.floor(at), next = sorted[Math.min(i + 1, sorted.length - 1)];
    return sorted[i] + (next - sorted[i]) * (at - i);
  });
}
const middle = (values) => (values.length > FEW ? quantiles(values)[2] : values.every(known) ? values.reduce((a, b) => a + b, 0) / values.length : null);

function open(started) {
  if (groups.has(started.key)) return;
  const lanes = started.labels.length;
  groups.set(started.key, {
    ...started, lanes, epoch: 0, middle: [[], [], []],
    ...(lanes > FEW ? { band: [[], ...QUANTILES.map(() => [])] } : { each: started.labels.map(() => [[], []]) }),
  });
}
function add(group, event) {
  const [t, v] = ["train", "valid"].map((name) => group.metrics.indexOf(name));
  event.values.forEach((row, i) => {
    const epoch = event.first + i;
    if (epoch <= group.epoch) return; // already in what was fetched
    group.epoch = epoch;
    const none = row[0].map(() => null), train = t < 0 ? none : row[t], valid = v < 0 ? none : row[v];
    [epoch, middle(train), middle(valid)].forEach((value, k) => group.middle[k].push(value));
    if (group.each) group.each.forEach((lane, k) => { lane[0].push(epoch); lane[1].push(valid[k]); });
    else [epoch, ...quantiles(valid)].forEach((value, k) => group.band[k].push(value));
  });
}
/* At most 600 points: the first, the last, and of each bucket the lowest and highest of every y. */
function thin([x, ...ys], most = 600) {
  if (x.length <= most) return [x, ...ys];
  const keep = new Set([0, x.length - 1]), buckets = Math.floor((most - 2) / (2 * ys.length));
  for (let b = 0; b < buckets; b++) {
    const from = Math.floor((b * x.length) / buckets), to = Math.floor(((b + 1) * x.length) / buckets);
    for (const y of ys) {
      let lo = -1, hi = -1;
      for (let i = from; i < to; i++) if (known(y[i])) { if (lo < 0 || y[i] < y[lo]) lo = i; if (hi < 0 || y[i] > y[hi]) hi = i; }
      keep.add(lo < 0 ? from : lo).add(hi < 0 ? from : hi);
    }
  }
  const order = [...keep].sort((a, b) => a - b);
  return [x, ...ys].map((column) => order.map((i) => column[i]));
}

/* ---------- charts */
const main = () => groups.values().next().value;
const start = (group) => (late ? Math.max(1, Math.floor(group.epoch / 2)) : 1);
const cut = (columns, from) => { const i = columns[0].findIndex((x) => x >= from); return i <= 0 ? columns : columns.map((c) => c.slice(i)); };
const axes = (group, range, height) => ({
  template: template(), height, uirevision: `${late}${log}`,
  xaxis: { range: [start(group), Math.max(group.num_epochs, 2)], title: { text: "epoch" }, ...(group.num_epochs <= 12 ? { dtick: 1 } : {}) },
  yaxis: { type: log ? "log" : "linear", range, ...(log ? logTicks(10 ** range[0], 10 ** range[1]) : { nticks: 7 }) },
});
const lastOf = (y) => y.findLastIndex(known);

function pair() {
  const group = main(), [x, train, valid] = cut(thin(group.middle), start(group)), height = narrow() ? 260 : 330;
  const [t, v, gap, violet] = ["train", "valid", "gap", "book"].map(css);
  const mark = book !== null && group.measure === "log_rmse" ? [book] : [];
  const range = span([...train, ...valid, ...mark], log);
  const line = (y, name, color, dash) => ({ x, y, name, mode: x.length > 1 ? "lines" : "markers", line: { color, width: 2, dash }, marker: { color, size: 6, symbol: dash ? "circle-open" : "circle" }, hovertemplate: "%{y:.4f}" });
  const bare = (y, more) => ({ x, y, mode: "lines", line: { width: 0 }, hoverinfo: "skip", ...more });
  const both = valid.some(known);
  const data = [...(both ? [bare(train), bare(valid, { fill: "tonexty", fillcolor: gap })] : []), line(train, "train", t), ...(both ? [line(valid, "valid", v, "6px 3px")] : [])];
  const ends = [["valid", valid, v], ["train", train, t]].filter(([, y]) => lastOf(y) >= 0)
    .map(([name, y, color]) => ({ x: x[lastOf(y)], y: y[lastOf(y)], text: `<b>${name}</b> ${metric(y[lastOf(y)], 3)}`, color }));
  // the book's words stand where the curve is farther from its line
  const away = (y) => (known(y) ? Math.abs(Math.log(y / mark[0])) : 0), left = mark.length && away(valid.find(known)) > away(valid[lastOf(valid)]);
  return { data, layout: {
    ...axes(group, range, height), margin: { l: 46, r: narrow() ? 84 : 96, t: 26, b: 38 },
    shapes: mark.map((y) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: violet, width: 1.2, dash: "2px 3px" } })),
    annotations: [
      ...endLabels(ends, { log, range, height: height - 64 }),
      ...mark.map((y) => ({ xref: "paper", x: left ? 0 : 1, y: log ? Math.log10(y) : y, xanchor: left ? "left" : "right", xshift: left ? 4 : 0, yanchor: "bottom", text: `the book ends at ${y.toFixed(3)}`, font: { size: 11, color: violet } })),
      corner(spoken(group.measure) + (log ? ", log scale" : "")),
    ],
  } };
}
function fan() {
  const group = main(), height = narrow() ? 250 : 300, v = css("valid"), from = start(group);
  const layout = (values, right, annotations) => {
    const range = span(values, log);
    return { ...axes(group, range, height), margin: { l: 46, r: right, t: 26, b: 38 }, annotations: [...annotations(range), corner(`valid${log ? ", log scale" : ""}`)] };
  };
  if (group.each) {
    const lanes = group.each.map((lane) => cut(thin(lane), from)), named = lanes.length <= 10;
    const data = lanes.map(([x, y], k) => ({ x, y, mode: x.length > 1 ? "lines" : "markers", name: group.labels[k], line: { color: v, width: 1.2 }, marker: { color: v, size: 5, symbol: "circle-open" }, opacity: 0.8, hovertemplate: "%{y:.4f}" }));
    const ends = lanes.map(([x, y], k) => ({ x: x[lastOf(y)], y: y[lastOf(y)], text: group.labels[k].slice(0, 22), color: v })).filter((d) => known(d.y));
    const widest = Math.max(0, ...ends.map((d) => d.text.length));
    return { data, layout: layout(lanes.flatMap(([, y]) => y), named ? 20 + 6.5 * widest : 16, (range) => (named ? endLabels(ends, { log, range, height: height - 64 }) : [])) };
  }
  const [x, lowest, low, median, high, highest] = cut(thin(group.band), from);
  const edge = (y, name, line) => ({ x, y, mode: "lines", name, line, hovertemplate: "%{y:.4f}" });
  const data = [
    edge(low, "10 %", { width: 0, color: v }), { ...edge(high, "90 %", { width: 0, color: v }), fill: "tonexty", fillcolor: alpha(v, 0.16) },
    edge(lowest, "lowest", { width: 1, color: v, dash: "dot" }), edge(highest, "highest", { width: 1, color: v, dash: "dot" }), edge(median, "median", { width: 2, color: v, dash: "6px 3px" }),
  ];
  const ends = [["lowest", lowest], ["median", median], ["highest", highest]].filter(([, y]) => lastOf(y) >= 0).map(([text, y]) => ({ x: x[lastOf(y)], y: y[lastOf(y)], text, color: v }));
  return { data, layout: layout([...lowest, ...highest], 74, (range) => endLabels(ends, { log, range, height: height - 64 })) };
}
let due = 0;
function redraw() {
  const group = main();
  if (due || !group?.epoch) return;
  due = requestAnimationFrame(() => {
    due = 0;
    draw($("#main"), pair);
    const which = groups.size > 2 ? `, ${group.key}` : ""; // folds and a refit need no name
    $("#mean-of").textContent = group.lanes > FEW ? `median of ${group.lanes.toLocaleString("en-US")} runs` : group.lanes > 1 ? `mean of ${group.lanes} runs${which}` : which.slice(2);
    $("#fan-panel").hidden = group.lanes < 2;
    if (group.lanes > 1) draw($("#fan"), fan);
    el.dataset.epoch = group.epoch;
  });
}

/* ---------- tiles and progress, from the numbers just drawn */
const set = (name, text) => { const tile = document.getElementById(name); if (tile && tile.textContent !== text) tile.textContent = text; };
const pace = []; // [at, epochs of all groups]
let told = 0; // the epoch of the last sentence
function tiles(at) {
  const group = main(), [x, train, valid] = group.middle, v = valid.at(-1), t = train.at(-1);
  if (group.lanes <= FEW) { // of more the curve is a median, and the tiles are means: the server says them
    set("k-valid", metric(v));
    set("k-train", metric(t));
    set("k-gap", metric(known(v) && known(t) ? v - t : null));
    if (group.measure === "log_rmse" && known(v) && v < 5) set("k-error", `about ${(100 * Math.expm1(v)).toFixed(1)} % of the price`);
    const best = valid.reduce((at, y, i) => (known(y) && (at < 0 || y < valid[at]) ? i : at), -1);
    if (best >= 0) { set("k-best", metric(valid[best])); set("k-best-at", `at epoch ${x[best]}, picked by looking`); }
  }
  const all = [...groups.values()], done = all.reduce((sum, g) => sum + g.epoch, 0), total = all.reduce((sum, g) => sum + g.num_epochs, 0);
  if ($("#progress")) { $("#progress").max = total; $("#progress").value = done; }
  set("progress-words", `${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")} epochs`);
  if (at) pace.push([at, done]);
  while (pace.length > 20) pace.shift();
  if (pace.length > 1) {
    const [first, last] = [pace[0], pace.at(-1)], rate = (last[1] - first[1]) / (last[0] - first[0]);
    if (rate > 0) { set("k-left", seconds((total - done) / rate)); set("k-pace", `${metric(rate, 1)} epochs a second`); }
  }
  const words = $("#so-far");
  if (words && known(v) && (words.dataset.empty !== undefined || group.epoch - told >= 10 || group.epoch === group.num_epochs)) {
    delete words.dataset.empty;
    told = group.epoch;
    words.textContent = `Epoch ${group.epoch} of ${group.num_epochs}: valid ${metric(v)}${known(t) ? `, train ${metric(t)}, a gap of ${metric(v - t)}` : ""}. What it means is said when the runs are through.`;
  }
}

/* ---------- the stream */
let asked = 0;
const refresh = () => { clearTimeout(asked); asked = setTimeout(() => el.dispatchEvent(new CustomEvent("refresh")), 120); };
function take(message) {
  seq = message.seq;
  let fresh = false, more = false;
  for (const event of message.events) {
    if (event.type === "started") open(event);
    if (event.type === "epoch" && groups.has(event.key)) { add(groups.get(event.key), event); fresh = true; } else more = true;
  }
  if (more) refresh();
  if (fresh && main().epoch) { redraw(); tiles(message.at); }
}
let lost = 0, clock = 0;
function stale(on) {
  const note = $("#stale");
  clearInterval(clock);
  if (!on) { lost = 0; if (note) note.hidden = true; return; }
  lost ||= Date.now();
  const say = () => {
    const passed = Math.round((Date.now() - lost) / 1000), box = $("#stale");
    if (!box || passed < 2) return;
    box.hidden = false;
    $("#stale-words").textContent = `Live updates stopped ${passed} s ago. Reconnecting, then continuing from epoch ${main()?.epoch ?? 0}.`;
  };
  clock = setInterval(say, 1000);
}
function connect() {
  if (ended || stream || document.hidden) return;
  stream = new EventSource(`/api/v1/jobs/${id}/events?after=${seq}`);
  stream.onopen = () => stale(false);
  stream.onmessage = ({ data }) => { stale(false); take(JSON.parse(data)); };
  stream.addEventListener("end", () => { ended = true; close(); stale(false); refresh(); });
  stream.onerror = () => { // the browser's own retry would not know a seq that came before a reload of the server
    close();
    stale(true);
    setTimeout(connect, 1000);
  };
}
function close() {
  stream?.close();
  stream = null;
}
document.addEventListener("visibilitychange", () => (document.hidden ? close() : connect()));
addEventListener("pagehide", close);
addEventListener("pageshow", ({ persisted }) => persisted && connect());
setInterval(() => { if (!ended && !document.hidden && main()?.epoch) refresh(); }, 3000); // runs, log

/* ---------- switches */
for (const [box, apply] of [["#scale", (v) => { log = v === "log"; }], ["#from", (v) => { late = v === "late"; }]]) {
  for (const button of $$(`${box} button`)) button.addEventListener("click", () => {
    for (const other of $$(`${box} button`)) other.setAttribute("aria-pressed", other === button);
    apply(button.dataset.v);
    redraw();
  });
}

async function load() {
  const response = await fetch(`/jobs/${id}/curves.json`);
  for (const group of (await response.json()).groups) groups.set(group.key, group);
  if (ended && !main()?.middle.slice(1).some((column) => column.some(known))) $$("#main, #fan").forEach((chart) => { chart.nextElementSibling.remove(); chart.remove(); }); // nothing finite to draw
  else if (main()?.epoch) { redraw(); if (!ended) tiles(0); }
}
if ($("#main")) load().finally(connect);
else connect();
document.addEventListener("htmx:after:swap", () => {
  el.dataset.poll = $("#top").dataset.status === "queued" ? "on" : "off"; // its place in the queue
  if (!ended && main()?.epoch) tiles(0);
});
