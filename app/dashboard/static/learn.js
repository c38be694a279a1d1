/* The laboratory of a lesson: what needs no training is asked for again with every change, and the address holds the
   state. */
import { $, $$, complaints, reach } from "./app.js";
import { put } from "./figures.js";

const form = $("#controls"),
  answer = $("#answer"),
  url = form?.dataset.run;
const field = (name) => $(`[data-field="${CSS.escape(name)}"]`, form);
let busy = false,
  again = false;

/* A field's text as JSON has it; what is no number stays text, and the server says what is wrong. */
export function typed(text, kind, optional) {
  const value = text.trim();
  if (optional && !value) return null;
  if (kind === "flag") return value === "true";
  if (kind === "list")
    return value
      .replace(/^\[|\]$/g, "")
      .split(",")
      .map((item) => item.trim())
      .filter(Boolean)
      .map((item) => number(item));
  return kind === "number" || kind === "integer" ? number(value) : value;
}
const number = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

function state() {
  const given = { name: form.dataset.name },
    shown = new URLSearchParams({ experiment: form.dataset.name });
  for (const [name, text] of new FormData(form)) {
    const data = field(name)?.dataset;
    if (!data) continue;
    given[name] = typed(text, data.kind, "optional" in data);
    if (text !== data.default) shown.set(name, text);
  }
  return { given, shown };
}

async function ask() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  const { given, shown } = state(),
    start = performance.now();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ experiment: given }),
    });
    const said = await response.json(),
      took = performance.now() - start,
      wrong = response.ok ? [] : complaints(said);
    mark(wrong);
    if (response.ok && answer) {
      await show(said);
      $("#took").textContent = `answered in ${Math.round(took)} ms`;
      history.replaceState(null, "", `?${shown}${location.hash}`);
    }
  } finally {
    busy = false;
    if (again) {
      again = false;
      ask();
    }
  }
}

function mark(wrong) {
  for (const el of $$("[data-field]", form)) {
    const found = wrong.find((item) => item.field === el.dataset.field),
      error = $(".error", el);
    el.toggleAttribute("data-invalid", Boolean(found));
    if (!error) continue;
    $("span", error).textContent = found?.text ?? "";
    error.hidden = !found;
    $(".hint", el).hidden = Boolean(found);
  }
  if (wrong.length) $("#took").textContent = wrong.find((item) => !field(item.field)?.matches(".field"))?.text ?? "";
}

/* Figures are drawn anew and keep their zoom; all that is words and tables is the server's. */
async function show({ figures, html }) {
  const panels = $$("[data-figure-name]", answer),
    names = Object.keys(figures);
  if (names.length !== panels.length || !panels.every((el) => el.dataset.figureName in figures))
    return location.replace(`?${state().shown}`);
  for (const [name, figure] of Object.entries(figures)) {
    const panel = $(`[data-figure-name="${CSS.escape(name)}"]`, answer);
    $("h2", panel).textContent = figure.layout.title.text;
    if ($(".finding", panel)) $(".finding", panel).textContent = figure.layout.meta.finding;
    await put($(".chart", panel), figure);
  }
  const open = $(".checks", answer)?.open;
  $("#said").innerHTML = html;
  if (open) $(".checks", answer)?.setAttribute("open", "");
  reach();
}

form?.addEventListener("input", ({ target }) => {
  const output = target.type === "range" && target.parentElement.querySelector("output");
  if (output) output.textContent = target.value;
  for (const chip of $$(".chip", form)) chip.removeAttribute("aria-current");
  if (url) ask();
});
if (url && answer) ask();
