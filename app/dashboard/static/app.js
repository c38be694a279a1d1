/* What every page shares: theme, keys, tabs, copy, dialogs, local times, and the pulse of live lists. Pages work
   without it; it only adds. */
export const $ = (selector, el = document) => el.querySelector(selector);
export const $$ = (selector, el = document) => [...el.querySelectorAll(selector)];
const root = document.documentElement;

/* ---------- theme */
$("#theme").addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    /* a private window */
  }
});

/* ---------- a strip of sections that is wider than a phone shows the one that is read */
for (const here of $$(".rail [aria-current=page]")) here.scrollIntoView({ block: "nearest", inline: "center" });

/* ---------- words: as app/typography.py writes them, and dollars that follow a hand */
export const count = (value) => value.toLocaleString("en-US");
export const plural = (n, noun, many = `${noun}s`) => `${count(n)} ${n === 1 ? noun : many}`;
export const money = (value) => `$${Math.round(value).toLocaleString("en-US")}`;

export function toast(text) {
  const el = Object.assign(document.createElement("div"), { className: "toast", textContent: text });
  $("#toasts").append(el);
  setTimeout(() => el.remove(), 6000);
}

/* A problem of the API (RFC 9457) as sentences, its place first. */
export const complaints = (problem) =>
  problem.errors?.length
    ? problem.errors.map((e) => ({ field: String(e.loc?.at(-1) ?? ""), text: e.message }))
    : [{ field: "", text: problem.detail || problem.title }];

/* ---------- times: the server writes UTC, the page shows them local */
export function ago(then) {
  const passed = (Date.now() - then) / 1000;
  for (const [size, unit] of [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
  ])
    if (passed >= size) return `${Math.floor(passed / size)} ${unit}`;
  return "now";
}
const WORDS = {
  ago,
  since: (then) => (ago(then) === "now" ? "just now" : `${ago(then)} ago`),
  clock: (then) => then.toLocaleTimeString([], { hour12: false }),
};
export function times() {
  for (const el of $$("time[data-t]")) {
    const then = new Date(el.dateTime);
    if (!el.title) el.title = then.toLocaleString();
    const text = WORDS[el.dataset.t](then);
    if (el.textContent !== text) el.textContent = text;
  }
}
times();
setInterval(times, 20_000);
document.addEventListener("htmx:after:swap", times);

/* ---------- what scrolls sideways can be reached by the keyboard */
export function reach() {
  for (const el of $$(".scroll"))
    if (el.scrollWidth > el.clientWidth || el.scrollHeight > el.clientHeight) el.tabIndex = 0;
    else el.removeAttribute("tabindex");
}
reach();
addEventListener("resize", reach);
document.addEventListener("htmx:after:swap", reach);

/* ---------- live lists: an element that says data-poll="on" is fetched again, while somebody looks */
const pulse = () => {
  if (!document.hidden) for (const el of $$('[data-poll="on"]')) el.dispatchEvent(new CustomEvent("refresh"));
};
setInterval(pulse, 2000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const el of $$("[data-poll]")) el.dispatchEvent(new CustomEvent("refresh"));
});

/* ---------- tabs, copy, dialogs */
function pick(tab) {
  for (const other of $$("[role=tab]", tab.parentElement)) {
    const on = other === tab;
    other.setAttribute("aria-selected", on);
    other.tabIndex = on ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
  }
}
async function copy(button) {
  const pre = $("pre", button.parentElement);
  try {
    await navigator.clipboard.writeText(pre.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(pre);
    button.textContent = "Press Ctrl C";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1600);
}
document.addEventListener("click", ({ target }) => {
  const on = (selector) => target.closest(selector);
  if (on("[role=tab]")) pick(on("[role=tab]"));
  else if (on(".copy")) copy(on(".copy"));
  else if (on("[data-opens]")) document.getElementById(on("[data-opens]").dataset.opens).showModal();
  else if (on("#help")) $("#keys").showModal();
});

/* ---------- keys */
const GO = { h: "/", l: "/learn", j: "/jobs", m: "/models", p: "/predict", w: "/monitor" };
let last = "",
  row = -1;
function move(step) {
  const rows = $$(".rows tbody tr");
  if (!rows.length) return;
  row = Math.max(0, Math.min(rows.length - 1, row + step));
  for (const [i, el] of rows.entries()) el.toggleAttribute("data-cursor", i === row);
  rows[row].scrollIntoView({ block: "nearest" });
}
const KEYS = {
  "/": (event) => {
    if ($("#search")) {
      event.preventDefault();
      $("#search").focus();
    } else location.href = "/jobs";
  },
  "?": () => $("#keys").showModal(),
  t: () => $("#theme").click(),
  n: () => {
    location.href = "/jobs/new";
  },
  j: () => move(1),
  k: () => move(-1),
  Enter: () => {
    const link = $(".rows tr[data-cursor] a");
    if (link && document.activeElement === document.body) location.href = link.href;
  },
};
addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role=tab]"),
    step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (tab && step) {
    const tabs = $$("[role=tab]", tab.parentElement),
      next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    pick(next);
    return next.focus();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
  if (last === "g" && GO[event.key]) location.href = GO[event.key];
  else KEYS[event.key]?.(event);
  last = event.key;
});
