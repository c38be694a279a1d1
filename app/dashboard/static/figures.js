/* Figures that an experiment yielded: stored Plotly JSON, in the colours of the theme by each trace's role. */
import { $, $$ } from "./app.js";
import { PICTURES } from "./pictures.js";
import { alpha, corner, css, draw, endLabels, logTicks, narrow, span, template } from "./theme.js";

const fold = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/* One trace in its colour; patterns and widths are the server's, a band has a little of its line's colour. */
function dress(trace, thin) {
  const name = role(trace),
    color = css(name);
  if (trace.meta?.band)
    return { ...trace, line: { width: 0, color }, ...(trace.fill ? { fillcolor: alpha(color, 0.16) } : {}) };
  const made = { ...trace, hovertemplate: "%{y:.4~g}" };
  if (trace.type === "bar")
    return { ...made, marker: { ...trace.marker, color: name === "valid" ? alpha(color, 0.55) : color } };
  if (trace.mode === "markers")
    return {
      ...made,
      marker: { ...trace.marker, color, line: { color, width: trace.marker.size < 6 ? 0 : 1.5 } },
      ...(trace.error_y ? { error_y: { ...trace.error_y, color } } : {}),
    };
  return { ...made, line: { ...trace.line, color, width: thin.has(name) ? 1 : trace.line.width } };
}
const role = (trace) => trace.meta?.role ?? "ink";
/* All heights that a trace reaches, the bars of its points too. */
const reach = ({ y, error_y: bar }) =>
  bar ? y.flatMap((v, i) => (v === null ? [] : [v - bar.arrayminus[i], v + bar.array[i]])) : y;
/* Many lines that look alike share one entry of the legend: run 1 to 20. */
function shared(lines) {
  return [...new Set(lines.map(role))].map((name) => {
    const alike = lines.filter((t) => role(t) === name),
      first = alike[0].name,
      last = /\d+$/.exec(alike.at(-1).name);
    for (const t of alike) t.showlegend = false;
    return {
      x: [null],
      y: [null],
      mode: "lines",
      line: { ...alike[0].line, width: 2 },
      name: alike.length > 1 && last ? `${first} to ${last[0]}` : first,
      hoverinfo: "skip",
    };
  });
}

function make(figure, width) {
  const { xaxis, yaxis } = figure.layout,
    log = yaxis.type === "log",
    logX = xaxis.type === "log";
  const isLine = (t) => t.type !== "bar" && t.mode !== "markers" && !t.meta?.band;
  const plain = figure.data.filter(isLine),
    points = figure.data.some((t) => t.mode === "markers");
  const many = plain.length > 8;
  // what is drawn many times
  const thin = new Set(plain.map(role).filter((name, i, all) => many && all.indexOf(name) < i));
  const data = figure.data.map((t) => dress(t, thin));
  const bars = data.some((t) => t.type === "bar"),
    lines = data.filter(isLine);
  const range = span([...data.flatMap(reach), ...(bars && !log ? [0] : [])], log);
  const named = lines.length > 1 && !many && (!points || new Set(lines.map(role)).size < lines.length);
  const ends = !named
    ? []
    : lines.flatMap((t) => {
        const i = t.y.findLastIndex((y) => y !== null);
        return i < 0
          ? []
          : [
              {
                x: logX ? Math.log10(t.x[i]) : t.x[i],
                y: t.y[i],
                text: fold(t.name, narrow() ? 14 : 26),
                color: css(role(t)),
              },
            ];
      });
  if (named) for (const t of lines) t.showlegend = false;
  if (many) data.push(...shared(lines));
  const entries = data.filter((t) => t.showlegend !== false).map((t) => 46 + 6.2 * t.name.length);
  const legend = entries.length > (named ? 0 : 1),
    room = width - 62;
  const rows = !legend
    ? 0
    : entries.reduce((a, b) => a + b) <= room
      ? 1
      : Math.ceil(entries.length / Math.max(1, Math.floor(room / Math.max(...entries))));
  const known = data.flatMap((t) => t.x).filter((x) => x !== null && (!logX || x > 0)),
    [lo, hi] = [Math.min(...known), Math.max(...known)].map((x) => (logX ? Math.log10(x) : x));
  const air = points ? 0.02 * (hi - lo) : 0;
  const margin = {
    l: 46,
    r: named ? 18 + 6.6 * Math.max(0, ...ends.map((d) => d.text.length)) : 16,
    t: 28 + 20 * rows,
    b: 40,
  };
  const height = (narrow() ? 250 : 300) + 20 * rows,
    plot = height - margin.t - margin.b;
  return {
    data,
    layout: {
      template: template(),
      height,
      barmode: "group",
      margin,
      ...(many ? { hovermode: "closest" } : {}),
      showlegend: legend,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1 + 22 / plot, yanchor: "bottom", font: { size: 11 } },
      xaxis: {
        title: { text: xaxis.title.text },
        type: xaxis.type,
        ...(logX ? logTicks(10 ** lo, 10 ** hi) : {}),
        ...(!bars && lo < hi ? { range: [lo - air, hi + air] } : {}), // else Plotly makes room for the names twice
        ...(!logX && hi - lo <= 12 && known.every((x) => x === null || Number.isInteger(x)) ? { dtick: 1 } : {}),
        ...(xaxis.ticktext
          ? {
              range: xaxis.range,
              tickmode: "array",
              tickvals: xaxis.tickvals,
              ticktext: xaxis.ticktext.map((text) => fold(text, 20)),
            }
          : {}),
      },
      yaxis: { type: yaxis.type, range, ...(log ? logTicks(10 ** range[0], 10 ** range[1]) : { nticks: 6 }) },
      annotations: [
        ...(named ? endLabels(ends, { log, range, height: plot }) : []),
        ...(yaxis.title.text || log
          ? [corner([yaxis.title.text, log ? "log scale" : ""].filter(Boolean).join(", "))]
          : []),
      ],
    },
  };
}

/* Draw a figure, or draw it anew with other numbers: its zoom stays. */
export function put(el, figure) {
  const picture = PICTURES[figure.layout.meta?.kind];
  el.dataset.drawn = "yes";
  if (picture) el.classList.remove("h-300"); // it knows its own height
  return draw(el, () => (picture ? picture(figure, el.clientWidth) : make(figure, el.clientWidth)));
}

async function show(el) {
  el.dataset.drawn = "yes";
  try {
    const inline = el.dataset.inline && $(`#${CSS.escape(el.dataset.inline)}`);
    const figure = inline ? JSON.parse(inline.textContent) : await (await fetch(el.dataset.figure)).json();
    await put(el, figure);
  } catch (error) {
    el.replaceChildren(
      Object.assign(document.createElement("p"), {
        className: "quiet",
        textContent: "This figure could not be drawn. Its numbers are in the job's events.",
      }),
    );
    throw error;
  }
}

export const showAll = () =>
  $$("[data-figure], [data-inline]")
    .filter((el) => !el.dataset.drawn)
    .forEach(show);
showAll();
document.addEventListener("htmx:after:swap", showAll);
