/* Figures that are no curves: a matrix as colours, images as a mosaic, a graph with arrows. Each comes with rows for
   its table of numbers. */
import { css, narrow, template } from "./theme.js";

const scale = (names) => names.map((name, i) => [i / (names.length - 1), css(name)]);
const nine = (letter) => scale([0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => letter + i));
const fold = (text, most) => (text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text);
/* In up to three lines where one is too short. */
function wrap(text, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= most || !lines.at(-1)) lines[lines.length - 1] = longer;
    else if (lines.length < 3) lines.push(word);
    else lines[2] = longer;
  }
  return lines.map((line) => fold(line, most));
}
/* The numbers in the cells: as many decimals in each, but for a plain 0. */
function written(texts, z) {
  const places = Math.max(...texts.flat().map((text) => (/e/.test(text) ? 9 : (text.split(".")[1] ?? "").length)));
  return texts.map((row, i) =>
    row.map((text, k) => (places <= 2 && text && z[i][k] ? z[i][k].toFixed(places) : text).replace("-", "−")),
  );
}
const plain = { hovermode: "closest", dragmode: false };
const hidden = { visible: false, fixedrange: true };

function heatMap({ data: [trace], layout: { xaxis, yaxis, meta } }, width) {
  const rows = meta.rows.length,
    columns = meta.columns.length,
    cell = (width - (narrow() ? 110 : 70)) / columns;
  const height = Math.max(160, Math.min(560, rows * Math.max(10, Math.min(34, cell * 0.8)) + 70));
  const text = trace.text && written(trace.text, trace.z);
  const widest = Math.max(0, ...(text ?? []).flat().map((cell) => cell.length));
  const fits = text && cell > widest * 6.2;
  const most = narrow() ? 10 : 24;
  const long = xaxis.ticktext.some((text) => text.length * 7 > cell);
  const axis = {
    showgrid: false,
    showline: false,
    ticks: "outside",
    ticklen: 4,
    tickcolor: "rgba(0,0,0,0)",
    showspikes: false,
    tickfont: { size: 11, color: css("ink-3") },
  };
  const name = (text) => ({ ...axis, title: { text } });
  return {
    data: [
      {
        ...trace,
        text,
        xgap: columns > 20 ? 0 : 1,
        ygap: rows > 20 ? 0 : 1,
        texttemplate: fits ? "%{text}" : "",
        textfont: { size: 11, family: css("sans") },
        colorscale: nine(trace.meta.role === "diverging" ? "d" : "q"),
        showscale: !fits,
        colorbar: { thickness: 8, outlinewidth: 0, tickfont: { size: 11, color: css("ink-3") }, nticks: 4 },
        hoverongaps: false,
        customdata: meta.rows.map((row) => meta.columns.map((column) => `${fold(row, 30)}, ${fold(column, 30)}`)),
        hovertemplate: "%{customdata}: %{z:.4~g}<extra></extra>",
      },
    ],
    layout: {
      template: template(),
      height,
      ...plain,
      margin: { l: 40, r: fits ? 12 : 48, t: 12, b: 40 },
      xaxis: {
        ...xaxis,
        ...name(xaxis.title.text),
        ticktext: xaxis.ticktext.map((text) => fold(text, most)),
        tickangle: long ? -45 : 0,
      },
      yaxis: { ...yaxis, ...name(yaxis.title.text), ticktext: yaxis.ticktext.map((text) => fold(text, most)) },
    },
    table: [["", ...meta.columns], ...trace.z.map((row, i) => [meta.rows[i], ...row])],
  };
}

/* The same pixels in fewer columns where the page is narrow. */
function mosaic({ data: [trace], layout: { meta } }, width) {
  const {
    count,
    height: h,
    width: w,
    step: [down, right],
    captions,
  } = meta;
  const columns = Math.max(1, narrow() ? Math.min(meta.columns, 4) : meta.columns),
    lines = Math.ceil(count / columns);
  const size = Math.min(6, (width - 8) / (columns * right)),
    most = Math.floor((right * size) / 6.2);
  const said = captions.map((text) => wrap(text, most)),
    tall = Math.max(0, ...said.map((lines) => lines.length));
  const gap = Math.round(captions.some(Boolean) ? (6 + 14 * tall) / size : 2);
  const z = Array.from({ length: lines * (h + gap) }, () => Array(columns * right).fill(null)),
    places = [];
  for (let i = 0; i < count; i++) {
    const top = Math.floor(i / columns) * (h + gap),
      left = (i % columns) * right;
    const from = Math.floor(i / meta.columns) * down,
      at = (i % meta.columns) * right;
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) z[top + y][left + x] = trace.z[from + y][at + x];
    places.push([left + (w - 1) / 2, top + h - 0.5]);
  }
  const across = columns * right,
    wide = across * size;
  return {
    data: [{ ...trace, z, colorscale: scale(["sunken", "ink"]) }],
    layout: {
      template: template(),
      height: Math.max(60, z.length * size + 8),
      ...plain,
      margin: { l: 0, r: 0, t: 4, b: 4 },
      xaxis: { ...hidden, range: [-0.5, -0.5 + across * Math.max(1, width / wide)] },
      yaxis: { ...hidden, range: [z.length - 0.5, -0.5] },
      annotations: captions.map((text, i) => ({
        x: places[i][0],
        y: places[i][1],
        yanchor: "top",
        text: said[i].join("<br>"),
        hovertext: text,
        font: { size: 11, color: css("ink-2") },
      })),
    },
    table: [["", "caption"], ...captions.map((text, i) => [String(i + 1), text])],
  };
}

function graph({ data: [trace], layout: { annotations, meta } }, width) {
  const [ink, line] = ["ink", "control"].map(css),
    inside = trace.text.every((text) => text.length <= 4);
  const span = (values, air) => {
    const lo = Math.min(...values),
      hi = Math.max(...values),
      a = (hi - lo || 1) * air;
    return [lo - a, hi + a];
  };
  const lines = new Set(trace.y).size,
    off = inside ? 19 : 9;
  const needs = 48 * new Set(trace.x).size; // below this names would cover each other: the panel scrolls instead
  return {
    data: [
      {
        ...trace,
        mode: inside ? "markers+text" : "markers",
        textposition: "middle center",
        textfont: { size: narrow() ? 11 : 13, color: ink, family: css("sans") },
        hovertemplate: "%{text}<extra></extra>",
        marker: { size: inside ? 34 : 12, color: css("surface"), line: { color: ink, width: 1.5 } },
        cliponaxis: false,
      },
    ],
    layout: {
      template: template(),
      height: Math.max(200, Math.min(460, 90 * lines + 60)),
      ...(needs > width ? { width: needs } : {}),
      ...plain,
      margin: { l: 24, r: 24, t: 16, b: 12 },
      xaxis: { ...hidden, range: span(trace.x, 0.08) },
      yaxis: { ...hidden, range: span(trace.y, 0.2) },
      annotations: [
        ...annotations.map((arrow) => ({ ...arrow, arrowcolor: line, standoff: off, startstandoff: off })),
        // on paper of their own, so that no arrow strikes a name through
        ...(inside
          ? []
          : trace.text.map((text, i) => ({
              x: trace.x[i],
              y: trace.y[i],
              yshift: 17,
              text,
              bgcolor: css("surface"),
              borderpad: 0,
              font: { size: narrow() ? 10 : 12, color: ink },
            }))),
      ],
    },
    table: [["from", "to"], ...meta.edges],
  };
}

export const PICTURES = { heat_map: heatMap, images: mosaic, graph };
