/* The page of a job, live: the stream rings, and the server gives what is new of its curves. Words, means and tables
   are the server's. */
import { $, $$, count } from "./app.js";
import { alpha, corner, css, draw, endLabels, logTicks, narrow, span, template } from "./theme.js";

const el = $("#job"),
  id = el.dataset.id,
  book = el.dataset.book ? +el.dataset.book : null;
const MOST = 1500; // points of a line that has grown by parts, before it is asked for anew
let seq = +el.dataset.seq,
  ended = el.dataset.live === "no",
  stream = null;
let curves = null,
  view = 0,
  log = true,
  late = false;

/* ---------- curves: lines that grow */
const known = (v) => v !== null && Number.isFinite(v);
function grow(before, line) {
  if (!before || !line.after) return line;
  const longer = (a, b) => a.concat(b);
  return {
    ...line,
    x: longer(before.x, line.x),
    y: longer(before.y, line.y),
    band: before.band.map((edge, k) => longer(edge, line.band[k] ?? [])),
    end: line.end ?? before.end,
  };
}
const grown = (before, fresh) =>
  fresh && {
    ...fresh,
    lines: fresh.lines.map((line, k) => grow(before?.lines[k], line)),
    fan: grown(before?.fan, fresh.fan),
  };
const alike = (a, b) =>
  a &&
  a.views.length === b.views.length &&
  a.views.every((one, k) => one.lines.length === b.views[k].lines.length && !one.fan === !b.views[k].fan);
const epoch = () => Math.max(0, ...(curves?.epochs ?? []));
const grew = () => curves?.views.some((one) => one.lines.some((line) => line.x.length > MOST));

let asking = null,
  again = false;
async function ask() {
  if (asking) {
    again = true;
    return;
  }
  again = false;
  const after = curves && !grew() ? curves.epochs.join(",") : "";
  asking = fetch(`/jobs/${id}/curves.json?after=${after}`);
  try {
    const fresh = await (await asking).json();
    if (after && !alike(curves, fresh)) {
      curves = null;
      again = true;
    } // other settings have begun
    else {
      curves = {
        ...fresh,
        views: fresh.views.map((one, k) => grown(curves?.views[k], one)),
      };
      words();
      redraw();
    }
  } finally {
    asking = null;
    if (again) setTimeout(ask, 100);
  }
}

/* ---------- charts */
const start = () => (late ? Math.max(1, Math.floor(epoch() / 2)) : 1);
const cut = (line) => {
  const i = line.x.findIndex((x) => x >= start()),
    from = (column) => (i > 0 ? column.slice(i) : column);
  return { ...line, x: from(line.x), y: from(line.y), band: line.band.map(from) };
};
/* What was solved at once is the same at every epoch. */
function across(line) {
  if (!line.level || !line.end) return line;
  const twice = ([v]) => [v, v];
  return {
    ...line,
    x: [start(), curves.last],
    y: twice([line.end.y]),
    band: line.band.map(twice),
    end: { ...line.end, x: curves.last },
  };
}
function chart(shown, height, marks = []) {
  const lines = shown.lines.map(cut).map(across),
    scale = log && shown.log,
    few = narrow() ? 14 : 30;
  const inside = (y) => (shown.top && y > shown.top ? null : y);
  const range = span([...lines.flatMap((line) => [line.y, ...line.band].flat()).map(inside), ...marks], scale);
  const bare = (line, y, more) => ({
    x: line.x,
    y,
    mode: "lines",
    line: { width: 0 },
    hoverinfo: "skip",
    name: line.name,
    ...more,
  });
  const bands = lines
    .filter((line) => line.band.length)
    .flatMap((line) => [
      bare(line, line.band[0], { name: `${line.name}, low`, meta: { band: true } }),
      bare(line, line.band[1], {
        fill: "tonexty",
        fillcolor: alpha(css(line.color), 0.14),
        name: `${line.name}, high`,
        meta: { band: true },
      }),
    ]);
  const [first, second] = lines,
    gap =
      shown.shaded && second?.y.some(known)
        ? [bare(first, first.y), bare(second, second.y, { fill: "tonexty", fillcolor: css("gap") })]
        : [];
  const drawn = lines
    .filter((line) => line.y.some(known))
    .map((line) => {
      const color = css(line.color),
        points = line.x.length > 1 && line.y.filter(known).length > 1 ? "lines" : "markers";
      return {
        x: line.x,
        y: line.y,
        name: line.name,
        mode: points,
        line: { color, width: line.width, dash: line.dash },
        marker: { color, size: 6, symbol: line.dash === "solid" ? "circle" : "circle-open" },
        hovertemplate: "%{y:.4~g}",
      };
    });
  const right = lines.some((line) => line.level); // words within the chart would lie on these
  const ends = lines
    .filter((line) => line.label && line.end)
    .map((line) => ({
      x: right ? curves.last : line.end.x,
      y: line.end.y,
      text: `${line.label.length > few ? `${line.label.slice(0, few - 1)}…` : line.label} <b>${line.end.text}</b>`,
      color: css(line.color),
    }));
  // the book's words stand at the side where the curve is farther from its line
  const away = (y) => (known(y) ? Math.abs(Math.log(y / marks[0])) : 0),
    left = marks.length > 0 && away(second?.y.find(known)) > away(second?.y.findLast(known));
  const widest = Math.max(0, ...ends.map((end) => end.text.length - 7)),
    violet = css("book");
  return {
    data: [...gap, ...bands, ...drawn],
    layout: {
      template: template(),
      height,
      uirevision: `${late}${scale}${view}`,
      margin: { l: 46, r: 18 + 6.4 * widest, t: 26, b: 38 },
      xaxis: {
        range: [start(), Math.max(curves.last, 2)],
        title: { text: "epoch" },
        ...(curves.last <= 12 ? { dtick: 1 } : {}),
      },
      yaxis: {
        type: scale ? "log" : "linear",
        range,
        ...(scale ? logTicks(10 ** range[0], 10 ** range[1]) : { nticks: 7 }),
      },
      shapes: marks.map((y) => ({
        type: "line",
        xref: "paper",
        x0: 0,
        x1: 1,
        y0: y,
        y1: y,
        line: { color: violet, width: 1.2, dash: "2px 3px" },
      })),
      annotations: [
        ...endLabels(ends, { log: scale, range, height: height - 64 }),
        ...marks.map((y) => ({
          xref: "paper",
          x: left ? 0 : 1,
          y: scale ? Math.log10(y) : y,
          xanchor: left ? "left" : "right",
          xshift: left ? 4 : 0,
          yanchor: "bottom",
          text: `the book ends at ${y.toFixed(3)}`,
          font: { size: 11, color: violet },
        })),
        corner(shown.axis + (scale ? ", log scale" : "")),
      ],
    },
  };
}
const main = () => curves.views[Math.min(view, curves.views.length - 1)];
let due = 0;
function redraw() {
  if (due || !curves?.views.some((one) => one.lines.some((line) => line.end))) return;
  due = requestAnimationFrame(() => {
    due = 0;
    switches();
    draw($("#main"), () =>
      chart(main(), narrow() ? 260 : 330, book !== null && main().axis === "log RMSE" ? [book] : []),
    );
    sideBySide();
    if (main().fan) draw($("#fan"), () => chart(main().fan, narrow() ? 250 : 300));
    else $("#fan > .skeleton")?.remove();
    el.dataset.epoch = epoch();
  });
}
/* The panel of the runs is of what the main chart shows, and says which. */
function sideBySide() {
  $("#fan-panel").hidden = !main()?.fan;
  set("fan-legend", main()?.fan?.name);
}

/* ---------- words and numbers, as the server writes them */
const set = (name, text) => {
  const place = document.getElementById(name);
  if (place && text && place.textContent !== text) place.textContent = text;
};
let told = 0; // the epoch of the last sentence
function words() {
  if (ended) return;
  const [done, total] = curves.progress;
  for (const [i, text] of curves.numbers.entries()) set(`n-${i}`, text);
  if ($("#progress")) {
    $("#progress").max = total || 1;
    $("#progress").value = done;
  }
  if (total) set("progress-words", `${count(done)} of ${count(total)} epochs`);
  set("pace", curves.pace);
  const sentence = $("#so-far");
  if (sentence && curves.sentence && (sentence.dataset.empty !== undefined || epoch() - told >= 10 || done === total)) {
    delete sentence.dataset.empty;
    told = epoch();
    sentence.textContent = curves.sentence;
  }
}

/* ---------- the stream */
let asked = 0;
const refresh = () => {
  clearTimeout(asked);
  asked = setTimeout(() => el.dispatchEvent(new CustomEvent("refresh")), 120);
};
function take(message) {
  seq = message.seq;
  const kinds = new Set(message.events.map((event) => event.type));
  if (kinds.has("epoch") && $("#main")) ask();
  if (kinds.size > kinds.has("epoch") || !$(".numbers-line")) refresh();
}
let lost = 0,
  clock = 0;
function stale(on) {
  const note = $("#stale");
  clearInterval(clock);
  if (!on) {
    lost = 0;
    if (note) note.hidden = true;
    return;
  }
  lost ||= Date.now();
  const say = () => {
    const passed = Math.round((Date.now() - lost) / 1000),
      box = $("#stale");
    if (!box || passed < 2) return;
    box.hidden = false;
    $("#stale-words").textContent =
      `Live updates stopped ${passed} s ago. Reconnecting, then continuing from epoch ${epoch()}.`;
  };
  clock = setInterval(say, 1000);
}
function connect() {
  if (ended || stream || document.hidden) return;
  stream = new EventSource(`/api/v1/jobs/${id}/events?after=${seq}`);
  stream.onopen = () => stale(false);
  stream.onmessage = ({ data }) => {
    stale(false);
    take(JSON.parse(data));
  };
  stream.addEventListener("end", () => {
    ended = true;
    close();
    stale(false);
    refresh();
  });
  stream.onerror = () => {
    // the browser's own retry would not know a seq that came before a reload of the server
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
setInterval(() => {
  if (!ended && !document.hidden && epoch()) refresh();
}, 3000); // runs, log

/* ---------- switches */
function press(box, chosen) {
  for (const button of $$("button", box)) button.setAttribute("aria-pressed", button === chosen);
}
for (const [box, apply] of [
  [
    "#scale",
    (v) => {
      log = v === "log";
    },
  ],
  [
    "#from",
    (v) => {
      late = v === "late";
    },
  ],
]) {
  for (const button of $$(`${box} button`))
    button.addEventListener("click", () => {
      press($(box), button);
      apply(button.dataset.v);
      redraw();
    });
}
/* Between loss and accuracy, or what is measured otherwise, where a job has more than one. */
function switches() {
  const box = $("#views"),
    names = curves.views.map((one) => one.name);
  if (!box) return;
  $("#scale").hidden = !main().log;
  if (
    names.join() ===
    $$("button", box)
      .map((button) => button.textContent)
      .join()
  )
    return;
  box.hidden = names.length < 2;
  box.replaceChildren(
    ...names.map((name, k) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
      button.setAttribute("aria-pressed", k === view);
      button.addEventListener("click", () => {
        view = k;
        press(box, button);
        redraw();
      });
      return button;
    }),
  );
}

async function load() {
  await ask();
  if (ended && !curves?.views.some((one) => one.lines.some((line) => line.end)))
    $$("#main, #fan").forEach((place) => {
      place.nextElementSibling.remove();
      place.remove();
    }); // nothing finite to draw
}
if ($("#main")) load().finally(connect);
else connect();
document.addEventListener("htmx:after:swap", () => {
  el.dataset.poll = $("#top").dataset.status === "queued" ? "on" : "off"; // its place in the queue
  if (!curves) return;
  words();
  sideBySide();
});
