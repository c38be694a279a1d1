/* The API's page: Swagger UI, in the theme of the rest. */
const box = document.getElementById("swagger");
const root = document.documentElement;

SwaggerUIBundle({
  domNode: box,
  url: box.dataset.url,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null, // nothing is asked of another server
});

/* Swagger UI knows the dark theme by a class of its own. */
const match = () => root.classList.toggle("dark-mode", root.dataset.theme === "dark");
new MutationObserver(match).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
match();
