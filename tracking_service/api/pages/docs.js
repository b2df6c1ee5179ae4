// Shows /openapi.json with Swagger UI, in the reader's colours, with the token of this tab.
"use strict";

// As in common.js: kept for the tab, for all pages.
const TOKEN = "token";
const root = document.documentElement.dataset.root;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

function tokenOfTab() {
  try {
    return sessionStorage.getItem(TOKEN) ?? "";
  } catch {
    return "";
  }
}

function keepToken(text) {
  try {
    if (text) sessionStorage.setItem(TOKEN, text);
    else sessionStorage.removeItem(TOKEN);
  } catch {
    // Storage is off.
  }
}

// What is typed into Authorize is the token of the other pages too.
const sharesToken = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        authorize: (original) => (given) => {
          keepToken(given.key?.value ?? "");
          return original(given);
        },
        logout: (original) => (names) => {
          keepToken("");
          return original(names);
        },
      },
    },
  },
});

// A field that is filled with an example is sent. The same idempotency key with another request is
// refused, so that one is left to the reader.
function withoutKeys(described) {
  delete described.components.schemas.IdempotencyKey.examples;
  for (const path of Object.values(described.paths)) {
    for (const { parameters } of [path, ...Object.values(path)]) {
      for (const each of parameters ?? []) if (each.name === "Idempotency-Key") delete each.example;
    }
  }
  return described;
}

async function show() {
  const url = `${root}/openapi.json`;
  let source;
  try {
    source = { spec: withoutKeys(await (await fetch(url)).json()) };
  } catch {
    // Swagger UI says what is wrong with it.
    source = { url };
  }
  const ui = window.SwaggerUIBundle({
    ...source,
    dom_id: "#docs",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    plugins: [sharesToken],
    // The validator's badge would ask another host.
    validatorUrl: null,
    onComplete: () => {
      const token = tokenOfTab();
      if (token) ui.preauthorizeApiKey("key", token);
    },
  });
}

dark.addEventListener("change", follow);
follow();
show();
