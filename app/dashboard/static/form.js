/* The form of a new job, checked while it is typed: errors stand beside their field, the request beside the form. */
import { $, $$, plural } from "./app.js";

const form = $("#new"),
  result = $("#result");
let waiting = 0,
  asked = 0;

const post = (path) => fetch(path, { method: "POST", body: new URLSearchParams(new FormData(form)) });

async function check() {
  const turn = ++asked;
  const said = await (await post("/jobs/new/check")).json();
  if (turn !== asked) return; // a later answer is on its way
  for (const field of $$("[data-field]", form))
    mark(field, said.errors[field.dataset.field] ?? "", said.changed.includes(field.dataset.field));
  $("#label").textContent = said.label;
  $("#changed").textContent = said.changed.length ? plural(said.changed.length, "field") : "nothing";
  $("#json").textContent = said.body;
  problems(said.errors);
  for (const preset of $$(".preset")) preset.removeAttribute("aria-current");
  if (result && !Object.keys(said.errors).length) show(turn);
}

function mark(field, error, changed) {
  const input = $("input:not([type=radio]), select", field);
  field.classList.toggle("changed", changed);
  field.toggleAttribute("data-invalid", Boolean(error));
  if (error) input?.setAttribute("aria-invalid", "true");
  else input?.removeAttribute("aria-invalid");
  $(".was", field).hidden = !changed;
  $(".error span", field).textContent = error;
  $(".error", field).hidden = !error;
  $(".hint", field).hidden = Boolean(error);
}

function problems(errors) {
  const box = $("#problems"),
    names = Object.keys(errors);
  box.hidden = !names.length;
  const links = names.filter(Boolean).flatMap((name, i) => {
    const label = $(`[data-field="${name}"] > :first-child`, form);
    return [
      i ? ", " : "",
      Object.assign(document.createElement("a"), {
        href: `#f-${name}`,
        textContent: label?.firstChild.textContent ?? name,
      }),
    ];
  });
  $("p", box).replaceChildren(
    `${plural(names.length, "field needs", "fields need")} attention: `,
    ...links,
    errors[""] ?? "",
    ".",
  );
}

async function show(turn) {
  const html = await (await post(result.dataset.url)).text();
  if (turn !== asked) return;
  const { showAll } = await import("./figures.js");
  result.innerHTML = html;
  showAll();
}

form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(check, 150);
});
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
$("#problems").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const target = link && $(link.getAttribute("href"));
  if (target) {
    event.preventDefault();
    target.focus();
  }
});
