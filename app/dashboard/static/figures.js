/* Figures that an experiment yielded: stored Plotly JSON, in the colours of the theme by each trace's role. */
import { $, $$ } from "./app.js";
import { PICTURES } from "./pictures.js";
import { alpha, corner, css, draw, endLabels, logTicks, narrow, span, template } from "./theme.js";

const fold = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/* One trace in its colour; train is solid and filled, valid and the book are dashed and open. */
function dress(trace) {
  const color = css(trace.meta?.role ?? "ink");
  const made = { ...trace, hovertemplate: "%{y:.4~g}" };
  if (trace.type === "bar") return { ...made, marker: { ...trace.marker, color: trace.meta?.role === "valid" ? alpha(color, 0.55) : color } };
  if (trace.mode === "markers") return { ...made, marker: { ...trace.marker, color, line: { color, width: 1.5 } } };
  return { ...made, line: { ...trace.line, color, width: 2 } };
}

function make(figure) {
  const { xaxis, yaxis } = figure.layout, log = yaxis.type === "log", height = narrow() ? 250 : 300;
  const data = figure.data.map(dress);
  const bars = data.some((t) => t.type === "bar"), lines = data.filter((t) => t.type !== "bar");
  const range = span([...data.flatMap((t) => t.y), ...(bars && !log ? [0] : [])], log);
  const ends = lines.flatMap((t) => {
    const i = t.y.findLastIndex((y) => y !== null);
    return i < 0 ? [] : [{ x: xaxis.type === "log" ? Math.log10(t.x[i]) : t.x[i], y: t.y[i], text: fold(t.name, 16), color: css(t.meta?.role ?? "ink") }];
  });
  const named = lines.length > 1 && lines.length <= 8 && !lines.some((t) => t.mode === "markers");
  const legend = !named && data.length > 1;
  const xs = span(data.flatMap((t) => t.x), xaxis.type === "log");
  const widest = Math.max(0, ...ends.map((d) => d.text.length));
  return {
    data,
    layout: {
      template: template(), height, barmode: "group",
      margin: { l: 46, r: named ? 18 + 7 * widest : 16, t: legend ? 44 : 26, b: 40 },
      showlegend: legend, legend: { orientation: "h", x: 0, y: 1.2, font: { size: 11 } },
      xaxis: { title: { text: xaxis.title.text }, type: xaxis.type, ...(xaxis.type === "log" ? logTicks(10 ** xs[0], 10 ** xs[1]) : {}) },
      yaxis: { type: yaxis.type, range, ...(log ? logTicks(10 ** range[0], 10 ** range[1]) : { nticks: 6 }) },
      annotations: [
        ...(named ? endLabels(ends, { log, range, height: height - 66 }) : []),
        ...(yaxis.title.text || log ? [corner([yaxis.title.text, log ? "log scale" : ""].filter(Boolean).join(", "))] : []),
      ],
    },
  };
}

/* Draw a figure, or draw it anew with other numbers: its zoom stays. */
export function put(el, figure) {
  const picture = PICTURES[figure.layout.meta?.kind];
  el.dataset.drawn = "yes";
  if (picture) el.classList.remove("h-300"); // it knows its own height
  return draw(el, () => (picture ? picture(figure, el.clientWidth) : make(figure)));
}

async function show(el) {
  el.dataset.drawn = "yes";
  try {
    const inline = el.dataset.inline && $(`#${CSS.escape(el.dataset.inline)}`);
    const figure = inline ? JSON.parse(inline.textContent) : await (await fetch(el.dataset.figure)).json();
    await put(el, figure);
  } catch (error) {
    el.replaceChildren(Object.assign(document.createElement("p"), { className: "quiet", textContent: "This figure could not be drawn. Its numbers are in the job's events." }));
    throw error;
  }
}

export const showAll = () => $$("[data-figure], [data-inline]").filter((el) => !el.dataset.drawn).forEach(show);
showAll();
document.addEventListener("htmx:after:swap", showAll);
