/* Price, interval and doubts of one house, asked of POST /predictions 150 ms after a change, then why it is so. */
import { $, $$, complaints, money, toast } from "./app.js";
import { named, reasons, sales, svg, whatIf } from "./why.js";

const form = $("#house"),
  sold = JSON.parse($("#sold").textContent);
const fields = $$("[name]", form),
  at = Object.fromEntries(fields.map((el) => [el.name, el]));
const start = new Map(fields.map((el) => [el.name, el.value]));
const model = +$("#predict").dataset.model, // whoever is promoted meanwhile does not answer on an open page
  pinned = new URLSearchParams(location.search).get("model"),
  compares = !!$("#sales"),
  known = new Map(), // sales by the attribute that they were asked for with
  last = {}; // what draws the pictures that have a width of their own
const DOTS = 50; // prices that are drawn, each as likely as the others
const round = (v) => Math.round(v / 100) * 100;
let first = null,
  now = null,
  asked = 0,
  waiting = 0,
  speaking = 0;

/* ---------- the house of the address, and the address of the house: a price can be sent to somebody */
for (const [name, value] of new URLSearchParams(location.search)) if (at[name]) at[name].value = value;
const changes = () => fields.filter((el) => el.value !== start.get(el.name));
function address() {
  const query = new URLSearchParams(changes().map((el) => [el.name, el.value]));
  if (pinned) query.set("model", pinned);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  for (const a of $$(".chips a")) {
    const other = [...new URLSearchParams(a.search)].filter(([name, value]) => start.get(name) !== value);
    if (other.length === query.size && other.every(([name, value]) => query.get(name) === value))
      a.setAttribute("aria-current", "true");
    else a.removeAttribute("aria-current");
  }
}
/* ---------- the house as JSON: empty is not known, and as in sales alike */
function house(values = fields.map((el) => el.value)) {
  const made = {};
  for (const [i, { name, dataset }] of fields.entries()) {
    const text = values[i].trim();
    if (text !== "") made[name] = dataset.kind !== "level" && Number.isFinite(Number(text)) ? number(text) : text;
  }
  return made;
}
/* a whole number that JavaScript would round is sent as it was typed, so that the answer names it */
const number = (text) =>
  /^-?[1-9]\d{15,}$/.test(text) && !Number.isSafeInteger(+text) && JSON.rawJSON ? JSON.rawJSON(text) : +text;
async function post(path, body) {
  const response = await fetch(`/api/v1/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...body, model }),
  });
  const said = await response.json();
  if (!response.ok) throw Object.assign(new Error(said.detail), { problem: said });
  return said;
}
async function ask() {
  const turn = ++asked,
    base = house();
  address();
  tally(base);
  try {
    const houses = first ? [base] : [base, house([...start.values()])],
      [answer, typical] = (await post("predictions", { houses, likely: DOTS, keep: false })).predictions;
    if (turn !== asked) return;
    if (![answer?.price, answer?.low, answer?.high].every(Number.isFinite))
      return refuse({ detail: "The predictor gave no finite number for this house." });
    now = answer;
    first ??= typical;
    refuse(null);
    show();
    explain(base, turn).catch(() => turn === asked && toast("Why the price is so could not be had."));
  } catch (error) {
    if (turn === asked) refuse(error.problem ?? { detail: "The server did not answer." });
  }
}

/* How much of the house is known; what is not is told by its absence. */
function tally(base) {
  const rest = $$("details [name]", form).filter((el) => el.name in base).length;
  $("#known").textContent = `${Object.keys(base).length} of ${fields.length} fields known`;
  $("#rest").textContent = rest || "none";
}
/* ---------- why: each part is drawn as it comes, and none of a house that has changed since */
async function explain(base, turn) {
  const attribute = $("#turn").value,
    still = (show) => (said) => turn === asked && show(said);
  const every = compares ? await remembered(attribute) : null;
  const own = typeof base[attribute] === "number" ? base[attribute] : undefined;
  const along = post("what-if", { house: base, attribute }).then(
    still((said) => {
      last.what = () => whatIf(said, every, now, own);
      last.what();
    }),
  );
  const rests = compares
    ? post("comparables", { house: base, count: 48 }).then(
        still((said) => {
          last.sales = () => sales(said, every, now);
          last.sales();
        }),
      )
    : null;
  await Promise.all([along, rests]);
  if (turn === asked) await post("reasons", { house: base }).then(still((said) => reasons(said, base)));
}
/* The sales that it has learnt from: their prices, where they stand, and what the what-if goes along. */
function remembered(attribute) {
  if (!known.has(attribute)) {
    const query = new URLSearchParams([
      ["attribute", "Neighborhood"],
      ["attribute", attribute],
      ["model", model],
    ]);
    known.set(
      attribute,
      fetch(`/api/v1/sales?${query}`).then((response) => response.json()),
    );
  }
  return known.get(attribute);
}

/* ---------- what it says */
function refuse(problem) {
  for (const field of $$("[data-field]", form)) field.toggleAttribute("data-invalid", false);
  for (const el of fields) el.removeAttribute("aria-invalid");
  for (const el of $$(".error", form)) el.hidden = true;
  for (const el of $$(".hint", form)) el.hidden = false;
  const faults = problem ? complaints(problem) : [];
  for (const { field, text } of faults) {
    const box = $(`[data-field="${CSS.escape(field)}"]`, form);
    if (!box) continue;
    box.toggleAttribute("data-invalid", true);
    at[field]?.setAttribute("aria-invalid", "true");
    box.closest("details")?.setAttribute("open", "");
    $(".error span", box).textContent = text;
    $(".error", box).hidden = false;
    $(".hint", box).hidden = true;
  }
  $("#refused").hidden = !problem;
  // the rows of the what-if repeat what is wrong with the house
  $("#refused p").textContent = problem
    ? `No price: ${[...new Set(faults.map((fault) => fault.text.replace(/^Row \d+ is/, "This house is")))].join(" ")}`
    : "";
  for (const el of $$("#ridge, #what, #sales .pad, #sales-rows, #reasons-rows"))
    el.classList.toggle("stale", !!problem);
  if (problem) unknown();
}
function unknown() {
  clearTimeout(speaking);
  for (const el of $$("#price, #dock-price, #again-price, #low, #high")) el.textContent = "–";
  $(".range").hidden = true;
  for (const el of $$("#dock-range, #again-range")) el.textContent = "No price";
  for (const el of $$("#delta, #imputed, #spoken, #reasons-says, #what-says")) el.textContent = "";
  for (const el of $$(".band, .at, .dot", $("#ridge"))) el.remove();
  $("#unlike").hidden = true;
  $("#reset").hidden = !changes().length;
}
function show() {
  const price = money(round(now.price)),
    [low, high] = [now.low, now.high].map((v) => money(round(v)));
  for (const el of $$("#price, #dock-price, #again-price")) el.textContent = price;
  $(".range").hidden = false;
  $("#low").textContent = low;
  $("#high").textContent = high;
  const such = now.warnings.length
    ? "for 9 of 10 houses like those seen in training; this one is unlike them"
    : "in 9 of 10 such houses";
  $("#such").textContent = such;
  for (const el of $$("#dock-range, #again-range")) el.textContent = `${low} to ${high}`;
  const changed = changes();
  for (const el of fields) el.closest(".field").classList.toggle("changed", changed.includes(el));
  const difference = now.price - first.price,
    dollars = `${difference < 0 ? "−" : "+"}${money(Math.round(Math.abs(difference) / 10) * 10)}`,
    many = changed.length === 1 ? "one change" : `${changed.length} changes`;
  $("#delta").textContent = changed.length
    ? `${dollars} against what the form began with, by ${many}.`
    : "Typical in all that is asked here; what is not asked is not known.";
  $("#reset").hidden = !changed.length;
  $("#unlike").hidden = !now.warnings.length;
  $("#why").replaceChildren(
    ...now.warnings.map((w) => Object.assign(document.createElement("li"), { textContent: w.message })),
  );
  $("#imputed").textContent = `Each dot is one of ${DOTS} prices, all equally likely. ${unsaid(now.imputed)}`;
  ridge();
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    $("#spoken").textContent = `Price ${price}, ${low} to ${high} ${such}.`;
  }, 700);
}

/* What is not known: by name where it is little. */
function unsaid(names) {
  if (!names.length) return "";
  const what =
    names.length > 8
      ? `${names.length} fields are not known and taken`
      : `Not known: ${names.map(named).join(", ")}; taken`;
  return `${what} as in sales like it.`;
}

/* ---------- the price among all that were sold */
function ridge() {
  const W = Math.max(200, $("#ridge").clientWidth - 12),
    H = 84,
    [low, high] = [sold.edges[0], sold.edges.at(-1)].map(Math.log),
    top = Math.max(...sold.counts);
  const x = (v) => Math.max(0, Math.min(W, (W * (Math.log(v) - low)) / (high - low)));
  const area = sold.counts
    .map(
      (c, i) =>
        `L${x(Math.sqrt(sold.edges[i] * sold.edges[i + 1])).toFixed(1)} ${(H - (c / top) * (H - 12)).toFixed(1)}`,
    )
    .join("");
  $("#ridge").setAttribute("viewBox", `-6 -8 ${W + 12} 112`);
  const upright = (cls, v, y) => svg("line", { class: cls, x1: x(v), x2: x(v), y1: y, y2: H });
  $("#ridge").replaceChildren(
    svg("path", { class: "area", d: `M0 ${H}${area}L${W} ${H}Z` }),
    svg("rect", { class: "band", x: x(now.low), y: 0, width: Math.max(1, x(now.high) - x(now.low)), height: H }),
    upright("ghost", first.price, 8),
    ...dots(x, H),
    upright("at", now.price, -4),
    ...[50, 100, 200, 400].map((k) => svg("text", { x: x(k * 1000), y: H + 15, "text-anchor": "middle" }, `$${k}k`)),
  );
}
/* Fifty of them, piled up where they lie close; those outside the interval are hollow. */
function dots(x, floor) {
  const piles = new Map(),
    r = 3;
  return now.likely.map((price) => {
    const column = Math.round(x(price) / (2 * r)),
      high = piles.get(column) ?? 0;
    piles.set(column, high + 1);
    return svg("circle", {
      class: price < now.low || price > now.high ? "dot out" : "dot",
      cx: column * 2 * r,
      cy: floor - r - high * 2 * r,
      r: r - 0.4,
    });
  });
}
/* ---------- a file of houses */
const save = (text, name) => {
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(new Blob([text], { type: "text/csv" })),
    download: name,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};
for (const button of $$("[data-csv]"))
  button.addEventListener("click", () => {
    const quoted = (v) => (/[",\n]/.test(v) ? `"${v.replaceAll('"', '""')}"` : v);
    const row = (...values) => `${values.map(quoted).join(",")}\n`;
    const asked = [...start].filter(([, value]) => value !== ""); // a column that is not there is not known
    save(
      row("Id", ...asked.map(([name]) => name)) +
        (button.dataset.csv === "typical" ? row("1", ...asked.map(([, value]) => value)) : ""),
      "houses.csv",
    );
    toast("houses.csv saved.");
  });
$("#csv").addEventListener("click", ({ target }) => {
  target.value = ""; // the same file may be chosen again: it may have changed
});
form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(ask, 150);
});
form.addEventListener("submit", (event) => event.preventDefault());
$("#turn").addEventListener("change", ask);
$("#print").addEventListener("click", () => print());
new ResizeObserver(() => {
  if (now) ridge();
  last.sales?.();
}).observe($("#ridge"));
new IntersectionObserver(([seen]) => {
  $("#again").hidden = seen.isIntersecting;
}).observe($("#price"));
$("#reset").addEventListener("click", () => {
  for (const el of fields) el.value = start.get(el.name);
  ask();
});
ask();
