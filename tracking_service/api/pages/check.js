// Checks a number, and explains what is found.

import { ago, ask, byId, once, tell } from "./common.js";

const checkForm = byId("check-form");

function problemKind(type) {
  return (type ?? "").split("/").pop();
}

function explain(status, body) {
  if (status === 200) {
    const places = [body.origin_country_id, body.destination_country_id];
    const route = places[0] && places[1] ? `from ${places[0]} to ${places[1]}` : "";
    const facts = `${body.tracking_number}, series ${body.series}${route ? `, ${route}` : ""}.`;
    const leased = `Its block was leased ${ago(body.leased_at)}.`;
    if (body.status === "issued") {
      return ["good", "Issued", `This number was handed out: ${facts}`, leased];
    }
    return [
      "warn", "Reserved",
      `An instance holds the block with this number, and how far it has spent it is not known here: the number may have been handed out. ${facts}`,
      leased,
    ];
  }
  const kind = problemKind(body.type);
  if (kind === "wrong-check-character") {
    if (body.likely_typo) return ["warn", "Probably a typo", body.detail];
    return ["bad", "Wrong check character", body.detail];
  }
  if (kind === "malformed-number") return ["bad", "Not a tracking number", body.detail];
  if (kind === "unknown-number") {
    return [
      "bad", "Unknown number",
      "Shape and check character are right, but no such number was ever issued here.",
    ];
  }
  if (status === 0) return ["bad", "No answer", "The service did not answer."];
  if (status === 404) return ["bad", "Not a tracking number", "It has characters that no number has."];
  return [status === 503 ? "warn" : "bad", body.title ?? "Not answered", body.detail];
}

function check() {
  return once(checkForm, async () => {
    const number = byId("number").value.trim();
    if (!number) {
      tell(byId("checked"), "bad", "Nothing to check", "Type a tracking number first.");
      byId("number").focus();
      return;
    }
    const { status, body } = await ask(`/api/tracking-numbers/${encodeURIComponent(number)}`);
    tell(byId("checked"), ...explain(status, body));
  });
}

checkForm.addEventListener("submit", (event) => {
  event.preventDefault();
  check();
});

export function checkNumber(number) {
  byId("number").value = number;
  byId("number").focus();
  check();
}
