// The one place for the token, on every page that callers need a key for; it is kept for the tab.
//
// A page has the section #key and calls `watchKey`. After a change the document has the event
// `token-changed`, upon which a page asks anew for what it shows.

import { probe } from "./access.js";
import { ask, byId, element, keyIsUsed, useKey } from "./common.js";

const VISIBLE = /^[\x21-\x7e]+$/;
const NUMBER = "/api/next-tracking-number/";

function showFault(text) {
  byId("token-fault")?.remove();
  byId("token").removeAttribute("aria-invalid");
  if (!text) return;
  const fault = element("p", text, "fault");
  fault.id = "token-fault";
  byId("token").after(fault);
  byId("token").setAttribute("aria-invalid", "true");
}

function showForm(fault) {
  byId("key").hidden = false;
  byId("key-form").hidden = false;
  byId("key-used").hidden = true;
  showFault(fault);
}

function showUsed() {
  byId("key").hidden = false;
  byId("key-form").hidden = true;
  byId("key-used").hidden = false;
  byId("token").value = "";
  showFault("");
}

function change() {
  document.dispatchEvent(new Event("token-changed"));
}

// `path` needs a key, whatever its scope: what it answers says whether a token is good.
export function watchKey(path) {
  document.addEventListener("token-refused", ({ detail }) => {
    showForm(keyIsUsed() ? detail : "");
  });
  byId("key-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const token = byId("token").value.trim().replace(/^Bearer\s+/i, "");
    if (!VISIBLE.test(token)) {
      showFault(token ? "A token has letters, digits and signs of ASCII, and no blanks: paste it whole." : "Paste a token first.");
      return byId("token").focus();
    }
    useKey(token);
    let { status, body } = await ask(path);
    // Where a proxy does not publish it, the route of numbers tells.
    if (status === 404) [status, body] = [await probe(NUMBER), {}];
    if (status === 401) {
      if (!byId("token-fault")) showForm("The token is invalid or revoked.");
      return byId("token").focus();
    }
    if (status === 0 || status === 503) {
      return showFault(body.detail ?? "The service did not answer. The token is kept.");
    }
    showUsed();
    byId("key-forget").focus();
    return change();
  });
  byId("key-forget").addEventListener("click", () => {
    useKey("");
    showForm("");
    byId("token").focus();
    change();
  });
  if (document.documentElement.dataset.keys !== "required") return;
  if (keyIsUsed()) showUsed();
  else showForm("");
}
