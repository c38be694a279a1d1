/* Price, interval and doubts of one house, asked of POST /predictions 150 ms after a change; a what-if curve and a
   CSV file by the same door. */
import { $, $$, complaints, money, plural, toast } from "./app.js";
import { alpha, corner, css, draw, narrow, template } from "./theme.js";

const form = $("#house"),
  sold = JSON.parse($("#sold").textContent);
const fields = $$("[name]", form),
  at = Object.fromEntries(fields.map((el) => [el.name, el]));
const start = new Map(fields.map((el) => [el.name, el.value]));
const round = (v) => Math.round(v / 100) * 100;
let first = null,
  now = null,
  curve = null,
  asked = 0,
  waiting = 0,
  speaking = 0;

/* ---------- the house as JSON: empty is not known, and imputed as in training */
function house() {
  const made = {};
  for (const { name, value, dataset } of fields) {
    const text = value.trim();
    if (text !== "") made[name] = dataset.kind !== "level" && Number.isFinite(Number(text)) ? number(text) : text;
  }
  return made;
}
/* a whole number that JavaScript would round is sent as it was typed, so that the answer names it */
const number = (text) =>
  /^-?[1-9]\d{15,}$/.test(text) && !Number.isSafeInteger(+text) && JSON.rawJSON ? JSON.rawJSON(text) : +text;
async function predict(houses) {
  const response = await fetch("/api/v1/predictions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ houses, job: +$("#predict").dataset.job }),
  });
  const said = await response.json();
  if (!response.ok) throw Object.assign(new Error(said.detail), { problem: said });
  return said.predictions;
}
function variants(base) {
  const input = at[$("#turn").value],
    low = +input.dataset.low,
    high = +input.dataset.high;
  const whole = input.dataset.kind === "integer",
    n = whole ? Math.min(25, high - low + 1) : 25;
  const xs = Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1)).map((x) =>
    whole ? Math.round(x) : x,
  );
  return { name: input.name, xs, houses: xs.map((x) => ({ ...base, [input.name]: x })) };
}
async function ask() {
  const turn = ++asked,
    base = house(),
    turned = variants(base);
  try {
    const [answer, ...others] = await predict([base, ...turned.houses]);
    if (turn !== asked) return;
    if (![answer?.price, answer?.low, answer?.high].every(Number.isFinite))
      return refuse({ detail: "The predictor gave no finite number for this house." });
    now = answer;
    first ??= answer;
    curve = { ...turned, value: base[turned.name], answers: others };
    refuse(null);
    show();
    sales(base, turn).catch(() => toast("The comparable sales could not be had."));
  } catch (error) {
    if (turn === asked) refuse(error.problem ?? { detail: "The server did not answer." });
  }
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
  for (const el of $$("#ridge, #what, #sales-rows")) el.classList.toggle("stale", !!problem);
  if (problem) unknown();
}
function unknown() {
  clearTimeout(speaking);
  for (const el of [$("#price"), $("#dock-price"), $("#low"), $("#high")]) el.textContent = "–";
  $(".range").hidden = true;
  $("#dock-range").textContent = "No price";
  for (const el of [$("#delta"), $("#imputed"), $("#spoken")]) el.textContent = "";
  for (const el of $$(".band, .at", $("#ridge"))) el.remove();
  $("#unlike").hidden = true;
  $("#reset").hidden = fields.every((el) => el.value === start.get(el.name));
}
function show() {
  const price = money(round(now.price)),
    [low, high] = [now.low, now.high].map((v) => money(round(v)));
  $("#price").textContent = $("#dock-price").textContent = price;
  $(".range").hidden = false;
  $("#low").textContent = low;
  $("#high").textContent = high;
  const such = now.warnings.length
    ? "for 9 of 10 houses like those seen in training; this one is unlike them"
    : "in 9 of 10 such houses";
  $("#such").textContent = such;
  $("#dock-range").textContent = `${low} to ${high}`;
  const changed = fields.filter((el) => el.value !== start.get(el.name));
  for (const el of fields) el.closest(".field").classList.toggle("changed", changed.includes(el));
  const difference = now.price - first.price,
    dollars = `${difference < 0 ? "−" : "+"}${money(Math.round(Math.abs(difference) / 10) * 10)}`,
    changes = changed.length === 1 ? "one change" : `${changed.length} changes`;
  $("#delta").textContent = changed.length
    ? `${dollars} against a typical house, by ${changes}.`
    : "A typical house: every field at its median or its commonest value.";
  $("#reset").hidden = !changed.length;
  $("#unlike").hidden = !now.warnings.length;
  $("#why").replaceChildren(
    ...now.warnings.map((w) => Object.assign(document.createElement("li"), { textContent: w.message })),
  );
  $("#imputed").textContent = now.imputed.length
    ? `Not known, so taken as in training: ${now.imputed.join(", ")}.`
    : "";
  ridge();
  draw($("#what"), what);
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    $("#spoken").textContent = `Price ${price}, ${low} to ${high} ${such}.`;
  }, 700);
}

/* ---------- comparable sales: what the nets have learnt to compare this house with */
async function sales(base, turn) {
  const rows = $("#sales-rows");
  if (!rows) return;
  const response = await fetch("/api/v1/comparables", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ house: base, job: +$("#predict").dataset.job }),
  });
  if (turn !== asked || !response.ok) return;
  const said = await response.json();
  const cell = (text, cls = "num") =>
    Object.assign(document.createElement("td"), { textContent: text, className: cls });
  const share = (weight) => `${(100 * weight).toFixed(1)} %`;
  const row = (name, where, cells) => {
    const tr = document.createElement("tr"),
      head = Object.assign(document.createElement("th"), { scope: "row", textContent: name });
    head.append(Object.assign(document.createElement("span"), { className: "quiet regular", textContent: where }));
    tr.append(head, ...cells);
    return tr;
  };
  rows.replaceChildren(
    ...said.sales.map(({ id, house, sold, says, weight }) =>
      row(`${id} `, `${house.Neighborhood}, built ${house.YearBuilt}, sold ${house.MoSold}/${house.YrSold}`, [
        cell(house.GrLivArea.toLocaleString("en-US"), "num hide-s"),
        cell(house.OverallQual, "num hide-s"),
        cell(money(round(sold))),
        cell(money(round(says))),
        cell(share(weight)),
      ]),
    ),
    row("All others", "", [
      cell("", "hide-s"),
      cell("", "hide-s"),
      cell(""),
      cell(money(round(said.rest.says))),
      cell(share(said.rest.weight)),
    ]),
  );
  const dollars = (name) => money(round(said.members[name]));
  $("#sales-share").textContent = `${share(1 - said.rest.weight)} of the weight on ${said.sales.length} sales`;
  $("#sales-note").textContent =
    `Says: what it sold for, adjusted by what differs. All sales together say ${dollars("comparables")}, an MLP ` +
    `${dollars("mlp")}, the infinitely wide MLP ${dollars("wide_mlp")}; these two move the price ` +
    `half of their way, by ${Math.round(100 * said.limit)} % at most.`;
}

/* ---------- the price among all that were sold */
const svg = (tag, attributes, text = "") => {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.textContent = text;
  return el;
};
function ridge() {
  const W = 520,
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
  const upright = (cls, v, y) => svg("line", { class: cls, x1: x(v), x2: x(v), y1: y, y2: H });
  $("#ridge").replaceChildren(
    svg("path", { class: "area", d: `M0 ${H}${area}L${W} ${H}Z` }),
    svg("rect", { class: "band", x: x(now.low), y: 0, width: Math.max(1, x(now.high) - x(now.low)), height: H }),
    upright("ghost", first.price, 8),
    upright("at", now.price, -4),
    ...[50, 100, 200, 400].map((k) => svg("text", { x: x(k * 1000), y: H + 15, "text-anchor": "middle" }, `$${k}k`)),
  );
}
const what = () => {
  const { name, xs, answers, value } = curve,
    ink = css("ink"),
    input = at[name],
    label = $("#turn").selectedOptions[0].textContent;
  const y = (key) => answers.map((a) => a?.[key] ?? null),
    steps = xs.length < 25,
    bare = { x: xs, mode: "lines", line: { width: 0, color: ink }, hovertemplate: "$%{y:,.0f}" };
  return {
    data: [
      { ...bare, y: y("low"), name: "low" },
      { ...bare, y: y("high"), name: "high", fill: "tonexty", fillcolor: alpha(ink, 0.1) },
      {
        x: xs,
        y: y("price"),
        name: "price",
        mode: steps ? "lines+markers" : "lines",
        line: { color: ink, width: 2 },
        marker: { size: 5, color: ink },
        hovertemplate: "$%{y:,.0f}",
      },
      ...(value === undefined
        ? []
        : [
            {
              x: [value],
              y: [now.price],
              mode: "markers",
              hoverinfo: "skip",
              marker: { size: 11, color: css("surface"), line: { color: ink, width: 2.5 } },
            },
          ]),
    ],
    layout: {
      template: template(),
      height: narrow() ? 230 : 270,
      margin: { l: 52, r: 14, t: 26, b: 38 },
      uirevision: name,
      xaxis: {
        title: { text: label },
        tickformat: input.name.startsWith("Year") ? "d" : ",~g",
        ...(steps && xs.length <= 12 ? { dtick: 1 } : {}),
      },
      yaxis: { tickprefix: "$", tickformat: "~s", nticks: 6, rangemode: "tozero" },
      annotations: [corner("price, with its 90 % interval")],
    },
  };
};

/* ---------- a file of houses */
const save = (text, name) => {
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(new Blob([text], { type: "text/csv" })),
    download: name,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};
$("#template").addEventListener("click", () => {
  const quoted = (v) => (/[",\n]/.test(v) ? `"${v.replaceAll('"', '""')}"` : v);
  const line = (...values) => `${values.map(quoted).join(",")}\n`;
  save(line("Id", ...start.keys()) + line("1", ...start.values()), "houses.csv");
  toast("houses.csv saved: the columns, and a typical house to write over.");
});
$("#csv").addEventListener("change", async ({ target }) => {
  const file = target.files[0];
  if (!file) return;
  const box = $("#file-body"),
    line = (text, cls = "") => Object.assign(document.createElement("p"), { textContent: text, className: cls });
  $("#file").hidden = false;
  $("#file-h").textContent = file.name;
  $("#file-end").replaceChildren();
  box.replaceChildren(line(`Pricing ${file.name}…`, "quiet"));
  try {
    const response = await fetch("/api/v1/predictions.csv", {
      method: "POST",
      headers: { "Content-Type": "text/csv" },
      body: file,
    });
    if (response.ok) priced(await response.text(), file.name, box, line);
    else refused(await response.json(), box, line);
  } catch {
    box.replaceChildren(line("The server did not answer. Try the file again in a moment."));
  }
  $("#file").scrollIntoView({ block: "nearest" });
  target.value = "";
});
function priced(text, name, box, line) {
  const rows = text.trim().split("\n"),
    count = rows.length - 1,
    button = Object.assign(document.createElement("button"), {
      className: "btn small",
      textContent: "Download prices",
      type: "button",
    });
  button.addEventListener("click", () => save(text, name.replace(/(\.csv)?$/i, "-priced.csv")));
  $("#file-end").replaceChildren(button);
  const table = Object.assign(document.createElement("table"), { className: "table tight" }),
    body = table.createTBody(),
    shown = rows.slice(1, 9);
  const cells = (row, tag, texts) =>
    row.append(
      ...texts.map((text, i) =>
        Object.assign(document.createElement(tag), { textContent: text, className: i ? "num" : "" }),
      ),
    );
  cells(table.createTHead().insertRow(), "th", [rows[0].split(",")[0], "price", "low", "high"]);
  for (const [id, ...prices] of shown.map((row) => row.split(",").slice(0, 4)))
    cells(body.insertRow(), "td", [id, ...prices.map((price) => money(round(+price)))]);
  const rest =
    (count > shown.length ? `The first ${shown.length}. ` : "") +
    "The download has every digit, and names what was not known and what is unlike the training data.";
  box.replaceChildren(line(`${plural(count, "house")} priced.`, "finding"), table, line(rest, "quiet small"));
}
function refused(problem, box, line) {
  const faults = problem.errors ?? [],
    list = document.createElement("ul"),
    [sum, total] = /^(\d+) errors in the rows\./.exec(problem.detail) ?? [];
  const said = faults.length ? (sum ?? "1 error in the rows.") : problem.detail || problem.title,
    more = (total ?? faults.length) - 50;
  list.append(
    ...faults.slice(0, 50).map((fault) => Object.assign(document.createElement("li"), { textContent: fault.message })),
  );
  box.replaceChildren(line(said), list, ...(more > 0 && faults.length ? [line(`and ${more} more`, "quiet")] : []));
}

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(ask, 150);
});
form.addEventListener("submit", (event) => event.preventDefault());
$("#turn").addEventListener("change", ask);
$("#reset").addEventListener("click", () => {
  form.reset();
  ask();
});
ask();
