// Shows /openapi.json with Swagger UI, in the reader's colours.
"use strict";

const root = document.documentElement.dataset.root;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

dark.addEventListener("change", follow);
window.SwaggerUIBundle({
  url: `${root}/openapi.json`,
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // The validator's badge would ask another host.
  validatorUrl: null,
});
follow();
