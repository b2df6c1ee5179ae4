// Shows /metrics, which a browser cannot open by a link where it needs a key.

import { ROOT, byId, keyHeaders, once } from "./common.js";

const REQUEST_MS = 10000;

async function show() {
  const shown = byId("metrics-text");
  try {
    const answer = await fetch(`${ROOT}/metrics`, {
      cache: "no-store", headers: keyHeaders(), signal: AbortSignal.timeout(REQUEST_MS),
    });
    shown.textContent = answer.ok
      ? await answer.text()
      : `This address does not show them: ${answer.status} ${answer.statusText}`;
  } catch {
    shown.textContent = "The service did not answer.";
  }
  shown.hidden = false;
  shown.focus();
}

byId("metrics-form").addEventListener("submit", (event) => {
  event.preventDefault();
  once(byId("metrics-form"), show);
});
