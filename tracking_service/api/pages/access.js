// Leaves out what the token may not see, with a line that says which scope shows it, and what is
// not published here. An OPTIONS is answered as a request would be let in, and does nothing.

import { ROOT, byId, element, keyHeaders } from "./common.js";

const TIMEOUT_MS = 10000;
const NUMBERS = "/api/tracking-numbers/";

// The status of an OPTIONS, 0 where there was no answer.
export async function probe(path) {
  try {
    const answer = await fetch(ROOT + path, {
      method: "OPTIONS", cache: "no-store", headers: keyHeaders(), signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return answer.status;
  } catch {
    return 0;
  }
}

function gate(id, status, scope) {
  const section = byId(id);
  section.hidden = status === 404;
  section.classList.toggle("left-out", status === 403);
  section.querySelector(":scope > .scope-line")?.remove();
  if (status === 403) section.append(element("p", `A key with the scope ${scope} shows this.`, "quiet scope-line"));
}

export async function lookAround() {
  const [one, many, verify] = await Promise.all([
    probe("/api/next-tracking-number/"), probe(NUMBERS), probe(`${NUMBERS}0`),
  ]);
  gate("ask", one, "issue");
  gate("check", verify, "verify");
  if (many === 404) byId("count").value = "1";
  byId("count").closest(".field").hidden = many === 404;
}
