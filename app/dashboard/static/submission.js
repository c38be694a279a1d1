/* The last look before a submission: does the file hold, and do its prices look like prices? */
import { $, complaints, money } from "./app.js";
import { alpha, corner, css, draw, narrow, template } from "./theme.js";

const id = $("#submission").dataset.id;
const verdict = (holds, text) => {
  const el = Object.assign(document.createElement("span"), { className: "verdict" });
  el.dataset.v = holds ? "holds" : "fails";
  el.innerHTML = `<svg class="icon" aria-hidden="true"><use href="#i-${holds ? "check" : "x"}"/></svg>`;
  el.append(text);
  return el;
};
const written = (v) =>
  typeof v === "number" ? (!Number.isInteger(v) && v >= 1000 ? money(v) : v.toLocaleString("en-US")) : v;

function checks(list) {
  const held = list.filter((c) => c.passed).length;
  $("#held").replaceChildren(verdict(held === list.length, `${held} of ${list.length} hold`));
  $("#checks").replaceChildren(
    ...list.map((c) => {
      const row = document.createElement("tr"),
        cells = ["th", "td", "td"].map((tag) => document.createElement(tag));
      cells[0].scope = "row";
      cells[0].textContent = c.name.replace("submission: ", "");
      cells[1].textContent = c.passed ? written(c.got) : `${written(c.got)}, not ${written(c.expected)}`;
      cells[1].className = "num wrap";
      cells[2].className = "num";
      cells[2].append(verdict(c.passed, c.passed ? "holds" : "fails"));
      row.append(...cells);
      return row;
    }),
  );
  const ready = held === list.length;
  $("#said").prepend(ready ? "Ready to upload. " : "Not ready: a check fails. ");
  for (const button of document.querySelectorAll(".actions .btn.primary")) button.classList.toggle("primary", ready);
}
const histogram =
  ({ edges, sold, predicted }) =>
  () => {
    const [ink, train] = ["ink", "train"].map(css),
      x = edges.slice(0, -1).map((edge, i) => Math.sqrt(edge * edges[i + 1]));
    const line = (shares, name, more) => ({
      x,
      y: shares.map((share) => 100 * share),
      name,
      mode: "lines",
      hovertemplate: "%{y:.1f} %",
      ...more,
    });
    return {
      data: [
        line(sold, "sold", {
          line: { color: train, width: 1, shape: "hvh" },
          fill: "tozeroy",
          fillcolor: alpha(train, 0.16),
        }),
        line(predicted, "predicted", { line: { color: ink, width: 2, shape: "hvh" } }),
      ],
      layout: {
        template: template(),
        height: narrow() ? 230 : 270,
        margin: { l: 44, r: 16, t: 26, b: 34 },
        xaxis: {
          type: "log",
          title: { text: "price" },
          tickmode: "array",
          tickvals: [5e4, 1e5, 2e5, 4e5, 8e5],
          ticktext: ["$50k", "$100k", "$200k", "$400k", "$800k"],
          hoverformat: "$,.0f",
        },
        yaxis: { ticksuffix: " %", nticks: 5, rangemode: "tozero" },
        annotations: [corner("share of houses by price, log scale")],
      },
    };
  };

async function load() {
  const response = await fetch(`/api/v1/jobs/${id}/submission`),
    said = await response.json();
  if (!response.ok)
    throw new Error(
      complaints(said)
        .map((c) => c.text)
        .join(" "),
    );
  checks(said.checks);
  draw($("#hist"), histogram(said.histogram));
  $("#rows").textContent = `${said.head.join("\n")}\n…`;
  $("#size").textContent = `, ${Math.round(said.bytes / 1000)} kB`;
}
load().catch((error) => {
  $("#trouble").hidden = false;
  $("#trouble p").textContent = error.message;
});
