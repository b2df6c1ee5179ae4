// Shows /openapi.json with Swagger UI, in the reader's colours, with the token of this tab.
"use strict";

// As in common.js: kept for the tab, for all pages.
const TOKEN = "token";
const docs = document.getElementById("docs");
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

// A number that was issued here is the one to be looked up next: no other one need exist.
function fillIn(ui, described, number) {
  if (typeof number !== "string") return;
  for (const path of Object.keys(described?.paths ?? {})) {
    if (path.includes("{number}")) ui.specActions.changeParam([path, "get"], "number", "path", number);
  }
}

// What assistive technology goes by: Swagger UI skips levels of headings, and leaves what stands above
// its operations in no landmark. It draws parts anew, so each change is looked at.
const LEVELS = [["h3", 2], ["h4", 3], [".models h4", 2]];
const REGIONS = [[".information-container", "About"], [".scheme-container", "Authorization"]];

function mark() {
  for (const [selector, level] of LEVELS) {
    for (const each of docs.querySelectorAll(selector)) each.setAttribute("aria-level", level);
  }
  for (const [selector, label] of REGIONS) {
    for (const each of docs.querySelectorAll(selector)) {
      each.setAttribute("role", "region");
      each.setAttribute("aria-label", label);
    }
  }
}

async function show() {
  const url = `${root}/openapi.json`;
  let described = null;
  try {
    described = withoutKeys(await (await fetch(url)).json());
  } catch {
    // Swagger UI asks for it again, and says what is wrong with it.
  }
  const ui = window.SwaggerUIBundle({
    ...(described ? { spec: described } : { url }),
    dom_id: "#docs",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    plugins: [sharesToken],
    responseInterceptor: (response) => {
      fillIn(ui, described, response.obj?.tracking_number);
      return response;
    },
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
new MutationObserver(mark).observe(docs, { childList: true, subtree: true });
show();
