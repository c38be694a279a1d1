/* Why a price is what it is: the sales it rests on, what each group of attributes adds to a typical house, and what it
   would be for another value. Each picture is drawn from what the API said; a sale pointed at lights up in all. */
import { $, $$, count, money } from "./app.js";
import { alpha, corner, css, draw, narrow, template } from "./theme.js";

const round = (v) => Math.round(v / 100) * 100;
const price = (v) => money(round(v));
const short = (v) => `$${Math.round(v / 1000)}k`;
const signed = (v, by = 100) => {
  const said = Math.round(Math.abs(v) / by) * by;
  return said === 0 ? "$0" : `${v < 0 ? "−" : "+"}${money(said)}`;
};
const percent = (v) => `${(100 * v).toFixed(1)} %`;
const SHOWN = 8; // sales in the table
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SVG = "http://www.w3.org/2000/svg";

/* ---------- small parts */
const html = (tag, cls = "", ...children) => {
  const el = Object.assign(document.createElement(tag), { className: cls });
  el.append(...children);
  return el;
};
export const svg = (tag, attributes, text = "") => {
  const el = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.textContent = text;
  return el;
};
const strong = (text) => html("strong", "", text);
const line = (cls, x1, y1, x2, y2) => svg("line", { class: cls, x1, y1, x2, y2 });
const label = (cls, x, y, text, more = {}) => svg("text", { class: cls, x, y, ...more }, text);
const logs = (lo, hi, a, b) => (v) => a + (Math.log(v / lo) / Math.log(hi / lo)) * (b - a);
function ticks(lo, hi) {
  const by = [10, 20, 25, 50, 100, 200].map((t) => t * 1000).find((t) => (hi - lo) / t < 7) ?? 500e3,
    made = [];
  for (let t = Math.ceil((lo * 1.01) / by) * by; t < hi * 0.995; t += by) made.push(t);
  return made;
}
/* The words of the form: "living area"; a column without any keeps its name. */
export function named(name) {
  const el = $(`label[for="p-${CSS.escape(name)}"]`);
  return !el || el.classList.contains("mono") ? name : el.textContent.trim().toLowerCase();
}
const unit = (name) => $(`#p-${CSS.escape(name)}`)?.parentElement.querySelector(":scope > span")?.textContent ?? "";
const told = (name, value) =>
  value === undefined
    ? "not known"
    : value === null || value === "NA"
      ? "none"
      : typeof value === "number" && !/^(Year|Yr|Mo)|YrBlt$/.test(name)
        ? `${count(value)}${unit(name) && ` ${unit(name)}`}`
        : ($(`#p-${CSS.escape(name)} option[value="${CSS.escape(String(value))}"]`)?.textContent.trim() ??
          String(value));
function differs({ attribute: name, here, there }) {
  const by = there - here;
  if (unit(name) && here !== null && there !== null)
    return `${count(Math.round(Math.abs(by)))} ${unit(name)} ${by < 0 ? "less" : "more"} ${named(name)}`;
  if (name === "YearBuilt" && here !== null && there !== null)
    return `${count(Math.abs(by))} years ${by < 0 ? "older" : "newer"}`;
  return `${named(name)} ${told(name, there)}, not ${told(name, here)}`;
}

/* ---------- the sales that count most: how far, where, and in a table */
export function sales(said, every, answer) {
  const top = said.sales.slice(0, SHOWN),
    share = (some) => some.reduce((sum, sale) => sum + sale.weight, 0),
    says = top.map((sale) => sale.says),
    one = share(top.slice(0, 1)),
    two = share(top.slice(0, 2)),
    dollars = (name) => price(said.members[name]);
  $("#sales-says").replaceChildren(
    ...(two > 0.4
      ? [
          one > 0.4 ? `House ${top[0].id} alone carries ` : "Two sales carry ",
          strong(percent(one > 0.4 ? one : two)),
          " of the weight: if this house is not such a sale, its price is another.",
        ]
      : [
          `No single sale decides: the ${top.length} nearest carry `,
          strong(percent(share(top))),
          " of the weight and, once what differs is taken off, ",
          `say ${price(Math.min(...says))} to ${price(Math.max(...says))}.`,
        ]),
  );
  near(said, answer);
  where(said, every, answer);
  rows(said, top, answer);
  $("#sales-note").textContent =
    `What a sale says is its own price, moved by what differs. Weight falls as exp(−distance²). All sales together ` +
    `say ${dollars("comparables")}, an MLP ${dollars("mlp")}, the infinitely wide MLP ${dollars("wide_mlp")}; these ` +
    `two move the price half of their way, by ${Math.round(100 * said.limit)} % at most.`;
  light(null);
}

const HEIGHT = 340,
  FLOOR = HEIGHT - 66,
  LEFT = 46;
/* One scale of price for both pictures, so that a sale stands at the same height in each. */
function heights(said, answer) {
  const prices = [...said.sales.map((sale) => sale.sold), answer.low, answer.high].sort((a, b) => a - b),
    [lo, hi] = [Math.max(prices[1], prices[0]) * 0.94, prices.at(-2) * 1.06];
  return { lo, hi, y: logs(lo, hi, FLOOR - 10, 14), inside: (sold) => sold > lo && sold < hi };
}
const radius = (said) => (weight) =>
  2 + Math.sqrt(weight / said.sales[0].weight) * Math.min(24, 9 + 60 * said.sales[0].weight);
const back = ({ lo, hi, y }, answer, x, width, named) => [
  ...ticks(lo, hi).flatMap((t) => [
    line("grid", x, y(t), width, y(t)),
    ...(named ? [label("tick end", x - 6, y(t) + 4, short(t))] : []),
  ]),
  svg("rect", {
    class: "band",
    x,
    width: Math.max(0, width - x),
    y: y(Math.min(hi, answer.high)),
    height: y(Math.max(lo, answer.low)) - y(Math.min(hi, answer.high)),
  }),
  line("now", x, y(answer.price), width, y(answer.price)),
];
function spot(sale, cx, cy, r, top) {
  const el = svg("circle", { class: top ? "sale top" : "sale", cx, cy, r, "data-sale": sale.id });
  el.append(svg("title", {}, `${sale.house.Neighborhood}, ${price(sale.sold)}, weight ${percent(sale.weight)}`));
  return el;
}
function near(said, answer) {
  const el = $("#near"),
    width = el.clientWidth || 600,
    scale = heights(said, answer),
    { y, inside } = scale,
    far = said.sales.at(-1).distance * 1.06,
    x = (d) => LEFT + (d / far) * (width - LEFT - 12),
    r = radius(said),
    step = [0.1, 0.2, 0.5, 1, 2].find((s) => far / s < 7) ?? 5,
    marks = Array.from({ length: Math.floor(far / step) + 1 }, (_, i) => i * step),
    shown = said.sales.filter((sale) => inside(sale.sold)),
    first = said.sales.slice(0, SHOWN).filter((sale) => shown.includes(sale));
  el.setAttribute("height", HEIGHT);
  el.replaceChildren(
    ...back(scale, answer, LEFT, width, true),
    ...first.map((sale) =>
      svg("path", {
        class: "stem",
        "data-sale": sale.id,
        d: `M${x(sale.distance)} ${y(sale.sold)}V${y(Math.min(scale.hi, Math.max(scale.lo, sale.says)))}m-4 0h8`,
      }),
    ),
    ...shown
      .toReversed()
      .map((sale) => spot(sale, x(sale.distance), y(sale.sold), r(sale.weight), first.includes(sale))),
    ...first
      .filter(apart(x, y))
      .map((sale) =>
        label("no", x(sale.distance), y(sale.sold) + 4, said.sales.indexOf(sale) + 1, { "data-sale": sale.id }),
      ),
    svg("circle", { class: "house", cx: LEFT, cy: y(answer.price), r: 5 }),
    label("k", LEFT + 9, y(answer.price) - 7, `this house ${price(answer.price)}`),
    line("axis", LEFT, FLOOR, width, FLOOR),
    ...marks.map((d) => label("tick", x(d), FLOOR + 16, String(+d.toFixed(1)))),
    label("name", LEFT, FLOOR + 36, "distance from this house, as learnt"),
  );
}
/* Keeps those whose number meets none that stands already. */
function apart(x, y) {
  const put = [];
  return (sale) => {
    const [a, b] = [x(sale.distance), y(sale.sold)];
    return !put.some(([c, d]) => Math.abs(a - c) < 12 && Math.abs(b - d) < 12) && put.push([a, b]);
  };
}
function where(said, every, answer) {
  const el = $("#where"),
    width = el.clientWidth || 400,
    scale = heights(said, answer),
    { y, inside } = scale,
    places = cheapestFirst(every),
    column = width / places.length,
    own = places.indexOf($("[name=Neighborhood]").value),
    jitter = (id) => ((((id * 7919) % 97) / 97 - 0.5) * column * 2) / 3,
    x = (place, id) => (places.indexOf(place) + 0.5) * column + jitter(id),
    r = radius(said),
    used = new Set(said.sales.map((sale) => sale.house.Neighborhood)),
    dots = every.ids.map((id, i) =>
      inside(every.sold[i])
        ? `M${x(every.attributes.Neighborhood[i], id).toFixed(1)} ${y(every.sold[i]).toFixed(1)}h0`
        : "",
    );
  el.setAttribute("height", HEIGHT);
  el.replaceChildren(
    svg("rect", { class: "own", x: own * column, width: own < 0 ? 0 : column, y: 0, height: FLOOR }),
    ...back(scale, answer, 0, width, false),
    svg("path", { class: "faint", d: dots.join("") }),
    ...said.sales
      .filter((sale) => inside(sale.sold))
      .toReversed()
      .map((sale) =>
        spot(sale, x(sale.house.Neighborhood, sale.id), y(sale.sold), Math.max(2, r(sale.weight) * 0.8), false),
      ),
    line("axis", 0, FLOOR, width, FLOOR),
    ...places.map((place, i) =>
      label(`tick side ${i === own ? "k" : used.has(place) ? "used" : ""}`, 0, 0, place, {
        transform: `translate(${(i + 0.5) * column + 3.5} ${FLOOR + 6}) rotate(90)`,
      }),
    ),
  );
}
function cheapestFirst(every) {
  const groups = Map.groupBy(every.sold.keys(), (i) => every.attributes.Neighborhood[i]),
    middle = (rows) => rows.map((i) => every.sold[i]).sort((a, b) => a - b)[rows.length >> 1];
  return [...groups].sort((a, b) => middle(a[1]) - middle(b[1])).map(([place]) => place);
}
function rows(said, top, answer) {
  const all = [...top.flatMap((sale) => [sale.sold, sale.says]), answer.price, said.rest.says],
    x = logs(Math.min(...all) * 0.97, Math.max(...all) * 1.03, 2, 98),
    most = Math.max(top[0].weight, 0.02),
    at = (v) => `${x(v).toFixed(2)}%`;
  const wide = (sold, says) => {
    const el = svg("svg", { class: "pl pull", width: "100%", height: 24, "aria-hidden": "true" });
    el.append(
      line("now", at(answer.price), 0, at(answer.price), 24),
      line("stem", at(sold), 12, at(says), 12),
      svg("circle", { class: "was", cx: at(sold), cy: 12, r: 3 }),
      svg("circle", { class: "is", cx: at(says), cy: 12, r: 4.5 }),
    );
    return html("td", "wide hide-s", el);
  };
  const weigh = (weight) => {
    const el = svg("svg", { class: "pl weigh", width: "100%", height: 3, "aria-hidden": "true" });
    el.append(svg("rect", { width: `${Math.min(100, (weight / most) * 100)}%`, height: 3 }));
    return html("td", "num", percent(weight), el);
  };
  const pull = (weight, says) =>
    signed(said.members.comparables * weight * Math.log(says / said.members.comparables), 10);
  const row = (name, about, weight, sold, picture, says) => {
    const head = html("th", "", name, html("small", "", about));
    head.scope = "row";
    return html(
      "tr",
      "",
      head,
      weigh(weight),
      html("td", "num hide-s", sold === null ? "" : price(sold)),
      picture,
      html("td", "num", html("b", "", price(says))),
      html("td", "num hide-s", pull(weight, says)),
    );
  };
  $("#sales-rows").replaceChildren(
    ...top.map((sale, i) => {
      const { id, house, sold, says, weight } = sale,
        name = html("span", "", html("span", "quiet regular", `${i + 1} `), html("b", "", house.Neighborhood)),
        when = `${MONTHS[house.MoSold - 1]} ${house.YrSold}`,
        other = sale.differs.map(differs).join("; ") || "much the same";
      name.append(html("span", "quiet regular", ` ${when}, house ${id}`));
      const tr = row(
        name,
        `${narrow() ? `sold for ${price(sold)}; ` : ""}${other}`,
        weight,
        sold,
        wide(sold, says),
        says,
      );
      Object.assign(tr.dataset, { sale: id, row: "" });
      tr.tabIndex = 0;
      return tr;
    }),
    Object.assign(
      row(
        html("span", "regular", `all other sales`),
        `each counts for less than ${percent(top.at(-1).weight)}`,
        1 - top.reduce((sum, sale) => sum + sale.weight, 0),
        null,
        html("td", "hide-s"),
        others(said),
      ),
      { className: "rest" },
    ),
  );
}
/* What all sales beyond the table say together: a mean of logs, as the model takes it. */
function others(said) {
  const more = said.sales.slice(SHOWN),
    weight = said.rest.weight + more.reduce((sum, sale) => sum + sale.weight, 0),
    logs = said.rest.weight * Math.log(said.rest.says) + more.reduce((sum, s) => sum + s.weight * Math.log(s.says), 0);
  return Math.exp(logs / weight);
}

/* ---------- a sale that is pointed at, in every picture */
let lit = null;
function light(id) {
  lit = id;
  document.body.classList.toggle("pointing", id !== null);
  for (const el of $$("[data-sale]")) el.classList.toggle("on", el.dataset.sale === id);
}
for (const event of ["pointerover", "focusin"])
  document.addEventListener(event, ({ target }) => {
    const id = target.closest?.("[data-sale]")?.dataset.sale ?? null;
    if (id !== lit) light(id);
  });

/* ---------- from a typical house to this one, a group of attributes at a time */
export function reasons(said, house) {
  const parts = said.reasons,
    path = [said.typical];
  for (const { dollars } of parts) path.push(path.at(-1) + dollars);
  const left = Math.abs(said.error) >= 50;
  const [lo, hi] = [Math.min(...path, said.price), Math.max(...path, said.price)],
    air = (hi - lo) * 0.04 || 1000,
    x = (v) => `${(((v - lo + air) / (hi - lo + 2 * air)) * 100).toFixed(2)}%`;
  const bar = (...drawn) => {
    const el = svg("svg", { class: "pl fall", width: "100%", height: 20, "aria-hidden": "true" });
    el.append(line("ghost", x(said.typical), 0, x(said.typical), 20), line("now", x(said.price), 0, x(said.price), 20));
    el.append(...drawn);
    return el;
  };
  const step = (a, b) =>
    svg("rect", {
      class: b < a ? "down" : "up",
      x: x(Math.min(a, b)),
      width: `${(Math.abs(b - a) / (hi - lo + 2 * air)) * 100}%`,
      y: 4,
      height: 12,
    });
  const end = (name, about, v) =>
    html(
      "li",
      "end",
      html("b", "", name),
      html("span", "quiet", about),
      bar(line("mark", x(v), 2, x(v), 18)),
      html("b", "num", price(v)),
    );
  const known = (all) => {
    const names = all.filter((name) => name in house),
      spoken = names.filter((name) => named(name) !== name),
      told3 = (spoken.length ? spoken : names).slice(0, 3);
    return (
      told3.map((name) => `${named(name)} ${told(name, house[name])}`).join(", ") || "not known: as in sales like it"
    );
  };
  $("#reasons-rows").replaceChildren(
    end("Typical in everything", "each attribute at its median or commonest", said.typical),
    ...parts.map(({ group, dollars, differs: names }, i) =>
      html(
        "li",
        "",
        html("b", "", group[0].toUpperCase() + group.slice(1)),
        html("span", "quiet", known(names)),
        bar(step(path[i], path[i + 1])),
        html("span", "num", signed(dollars)),
      ),
    ),
    ...(left
      ? [
          html(
            "li",
            "miss",
            html("span", "", "Not told apart"),
            html("span", "quiet", "what is not known leaves open"),
            bar(step(path.at(-1), said.price)),
            html("span", "num", signed(said.error)),
          ),
        ]
      : []),
    end("This house", "", said.price),
  );
  const does = ({ dollars }) => (dollars < 0 ? "takes off" : "adds"),
    [a, b] = parts,
    one = (part) => [strong(part.group), ` ${does(part)} ${price(Math.abs(part.dollars))}`];
  $("#reasons-says").replaceChildren(
    ...(a
      ? [
          "Here ",
          ...one(a),
          ...(b ? [", ", ...one(b)] : []),
          parts.length === 1 ? ". That leads" : `. All ${parts.length} reasons lead`,
          ` from ${price(said.typical)} to ${price(said.price)}, with `,
          `${left ? signed(said.error) : "nothing"} left over.`,
        ]
      : ["This house is typical in everything. Change a field, and see what it adds or takes off."]),
  );
}

/* ---------- what if: a curve over real sales, alone and with what must move */
export function whatIf(said, every, answer, own) {
  const moves = Object.keys(said.moves);
  $("#what-says").replaceChildren(...slope(said, own, moves));
  draw($("#what"), () => figure(said, every, answer, own, moves.length > 0));
}
function slope({ attribute: name, values, alone, together }, own, moving) {
  const step = unit(name) === "ft²" ? 100 : 1,
    ends = own === undefined ? [] : [own, own + step > values.at(-1) ? own - step : own + step],
    by = (curve) => ((at(values, curve, ends[1]) - at(values, curve, ends[0])) * step) / (ends[1] - ends[0]);
  if (ends.length === 0 || values.length < 2) return ["Not known here: the curve says what each value would make."];
  const unitWord = unit(name) && ` ${unit(name)}`,
    what = unitWord ? `${step}${unitWord} more ${named(name)}` : `${named(name)} one higher`,
    said = (v) => `${v < 0 ? "takes off" : "adds"} ${money(Math.round(Math.abs(v) / 10) * 10)}`;
  if (!moving.length) return ["Here ", strong(what), ` ${said(by(alone))} while all else stays.`];
  const along = moving.map(named);
  if (Math.abs(by(together) - by(alone)) < 10) return ["Here ", strong(what), ` ${said(by(together))}.`];
  return [
    "Here ",
    strong(what),
    ` ${said(by(together))} when ${along.slice(0, 3).join(", ")}${along.length > 3 ? " and more" : ""} come along, and`,
    ` ${said(by(alone))} on paper, when nothing else moves.`,
  ];
}
/* The curve between two of its values. */
function at(values, curve, x) {
  const i = Math.min(
      values.length - 2,
      Math.max(
        0,
        values.findLastIndex((v) => v <= x),
      ),
    ),
    t = (x - values[i]) / (values[i + 1] - values[i]);
  return curve[i].price + t * (curve[i + 1].price - curve[i].price);
}
function figure({ attribute, values, alone, together }, every, answer, own, moving) {
  const ink = css("ink"),
    steps = values.length < 24 && values.every(Number.isInteger),
    [low, high] = [values[0], values.at(-1)],
    air = (high - low) * 0.03 || 1,
    bare = { x: values, mode: "lines", line: { width: 0, color: ink }, hovertemplate: "$%{y:,.0f}" },
    top = Math.max(...together.map((p) => p.high), ...alone.map((p) => p.high)) * 1.25,
    y = (key) => together.map((p) => p[key]),
    place = $("[name=Neighborhood]")?.value;
  const cloud = (name, mine, color, size) => {
    const rows = [...(every?.sold.keys() ?? [])].filter((i) => (every.attributes.Neighborhood[i] === place) === mine);
    return {
      x: rows.map((i) => every.attributes[attribute][i]),
      y: rows.map((i) => every.sold[i]),
      name,
      mode: "markers",
      hoverinfo: "skip",
      marker: { size, color },
    };
  };
  const clouds = every
    ? [cloud("sales", false, css("line-2"), 3), cloud("same neighbourhood", true, css("ink-3"), 4.5)]
    : [];
  return {
    data: [
      ...clouds,
      { ...bare, y: y("low"), name: "low" },
      { ...bare, y: y("high"), name: "high", fill: "tonexty", fillcolor: alpha(ink, 0.1) },
      ...(moving
        ? [
            {
              x: values,
              y: alone.map((p) => p.price),
              name: "alone",
              mode: "lines",
              line: { color: css("ink-2"), width: 1.6, dash: "dash" },
              hovertemplate: "$%{y:,.0f}",
            },
          ]
        : []),
      {
        x: values,
        y: y("price"),
        name: moving ? "together" : "price",
        mode: steps ? "lines+markers" : "lines",
        line: { color: ink, width: 2 },
        marker: { size: 5, color: ink },
        hovertemplate: "$%{y:,.0f}",
      },
      ...(own === undefined
        ? []
        : [
            {
              x: [own],
              y: [answer.price],
              mode: "markers",
              hoverinfo: "skip",
              marker: { size: 11, color: css("surface"), line: { color: ink, width: 2.5 } },
            },
          ]),
    ],
    layout: {
      template: template(),
      height: narrow() ? 260 : 320,
      margin: { l: 52, r: 14, t: 26, b: 38 },
      uirevision: attribute,
      xaxis: {
        title: { text: `${named(attribute)}${unit(attribute) && `, ${unit(attribute)}`}` },
        tickformat: attribute.startsWith("Year") ? "d" : ",~g",
        range: [low - air, high + air],
        ...(steps && values.length <= 12 ? { dtick: 1 } : {}),
      },
      yaxis: { tickprefix: "$", tickformat: "~s", nticks: 6, range: [0, top] },
      annotations: [
        corner(
          moving ? "price: — with what must move and its 90 % interval, - - alone" : "price, with its 90 % interval",
        ),
      ],
    },
  };
}
