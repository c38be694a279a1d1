/* The laboratory of a lesson: what needs no training is asked for again with every change, and the address holds the state. */
import { $, $$, complaints, metric, typeset } from "./app.js";
import { put } from "./figures.js";
import { short } from "./theme.js";

const form = $("#controls"), answer = $("#answer"), url = form?.dataset.run;
const field = (name) => $(`[data-field="${CSS.escape(name)}"]`, form);
let busy = false, again = false;

/* A field's text as JSON has it; what is no number stays text, and the server says what is wrong. */
function typed(text, kind, optional) {
  const value = text.trim();
  if (optional && !value) return null;
  if (kind === "flag") return value === "true";
  if (kind === "list") return value.replace(/^\[|\]$/g, "").split(",").map((item) => item.trim()).filter(Boolean).map((item) => number(item));
  return kind === "number" || kind === "integer" ? number(value) : value;
}
const number = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

function state() {
  const given = { name: form.dataset.name }, shown = new URLSearchParams({ experiment: form.dataset.name });
  for (const [name, text] of new FormData(form)) {
    const data = field(name)?.dataset;
    if (!data) continue;
    given[name] = typed(text, data.kind, "optional" in data);
    if (text !== data.default) shown.set(name, text);
  }
  return { given, shown };
}

async function ask() {
  if (busy) { again = true; return; }
  busy = true;
  const { given, shown } = state(), start = performance.now();
  try {
    const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ experiment: given }) });
    const said = await response.json(), took = performance.now() - start, wrong = response.ok ? [] : complaints(said);
    mark(wrong);
    if (response.ok && answer) {
      await show(said);
      $("#took").textContent = `answered in ${Math.round(took)} ms`;
      history.replaceState(null, "", `?${shown}${location.hash}`);
    }
  } finally {
    busy = false;
    if (again) { again = false; ask(); }
  }
}

function mark(wrong) {
  for (const el of $$("[data-field]", form)) {
    const found = wrong.find((item) => item.field === el.dataset.field), error = $(".error", el);
    el.toggleAttribute("data-invalid", Boolean(found));
    if (!error) continue;
    $("span", error).textContent = found?.text ?? "";
    error.hidden = !found;
    $(".hint", el).hidden = Boolean(found);
  }
  if (wrong.length) $("#took").textContent = wrong.find((item) => !field(item.field)?.matches(".field"))?.text ?? "";
}

async function show(said) {
  const figures = Object.entries(said.figures), panels = $$("[data-figure-name]", answer);
  const same = figures.length === panels.length && panels.every((el) => el.dataset.figureName in said.figures);
  const tables = $$(".table[data-table]", answer).map((el) => el.dataset.table);
  if (!same || tables.join() !== said.tables.map((t) => t.name).join() || Boolean($("#checks-h")) !== Boolean(said.checks.length)) return location.replace(`?${state().shown}`);
  for (const [name, figure] of figures) {
    const panel = $(`[data-figure-name="${CSS.escape(name)}"]`, answer);
    $("h2", panel).textContent = figure.layout.title.text;
    if ($(".finding", panel)) $(".finding", panel).textContent = figure.layout.meta.finding;
    await put($(".chart", panel), figure);
  }
  said.tables.forEach((table) => rows($(`.table[data-table="${CSS.escape(table.name)}"] tbody`, answer), columns(table.rows)));
  if (said.checks.length) checks(said.checks);
  $$(".rule", answer).forEach((el, i) => { el.previousElementSibling.textContent = typeset(said.findings[i]?.text ?? ""); el.textContent = typeset(said.findings[i]?.rule ?? ""); });
}

const el = (tag, text, cls = "") => Object.assign(document.createElement(tag), { textContent: text, className: cls });
function words(value) {
  if (value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return typeset(value);
  return typeset(!Number.isInteger(value) ? metric(value) : Math.abs(value) < 1e15 ? value.toLocaleString("en-US") : value.toExponential(2));
}
/* The numbers of a column have the same decimals where that says enough, as in the server's tables. */
function columns(lines) {
  const most = (lines[0] ?? []).map((_, k) => Math.max(0, ...lines.map((line) => line[k]).filter((v) => typeof v === "number" && !Number.isInteger(v)).map(Math.abs)));
  const same = (v) => metric(Math.abs(v) >= 1e-5 && Math.abs(v) < 5e-5 ? 0 : v); // 0.0000 like its neighbours
  return lines.map((line) => line.map((v, k) => (typeof v === "number" && most[k] >= 1e-3 && most[k] < 1000 ? same(v) : words(v))));
}
function rows(body, lines) {
  body.replaceChildren(...lines.map((line) => { const row = el("tr", ""); row.append(...line.map((text, i) => Object.assign(el(i ? "td" : "th", text, i ? "num" : ""), i ? {} : { scope: "row" }))); return row; }));
}

function verdict(holds, text) {
  const made = $(holds ? "#verdict-holds" : "#verdict-fails").content.firstElementChild.cloneNode(true);
  made.lastChild.textContent = text;
  return made;
}
function checks(list) {
  const held = list.filter((item) => item.passed).length;
  $("#checks-h").parentElement.querySelector(".verdict").replaceWith(verdict(held === list.length, `${held} of ${list.length} hold`));
  const body = $("#checks-h").closest("section").querySelector("tbody");
  rows(body, list.map((item) => [item.name, words(item.expected), words(item.got), ""]));
  list.forEach((item, i) => {
    const [name, expected, got, last] = body.rows[i].cells;
    name.classList.add("wrap");
    got.classList.add("strong");
    for (const cell of [expected, got]) cell.classList.toggle("wrap", /[a-z]/.test(cell.textContent));
    if (item.tolerance) expected.append(" ", el("span", `± ${short(item.tolerance)}`, "quiet nowrap"));
    last.append(verdict(item.passed, item.passed ? "holds" : "fails"));
  });
}

form?.addEventListener("input", ({ target }) => {
  const output = target.type === "range" && target.parentElement.querySelector("output");
  if (output) output.textContent = target.value;
  for (const chip of $$(".chip", form)) chip.removeAttribute("aria-current");
  if (url) ask();
});
if (url && answer) ask();
