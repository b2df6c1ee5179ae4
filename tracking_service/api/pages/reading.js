// What an answer about a number means, in words, and what to look at where it is wrong.

import { ago } from "./common.js";
import { nameOf } from "./countries.js";
import { lengths } from "./series.js";

const FAR = 4;

// As the service reads it: white space, dashes and what has no width are left out.
function squeeze(text) {
  return text.normalize("NFKC").replace(/[\s\p{Cf}\p{Pd}\u2212]/gu, "").toUpperCase();
}

// What is plainly wrong with a text, or "" where its look tells nothing.
function lookAt(text) {
  const typed = [...squeeze(text)];
  const at = typed.findIndex((each) => !/[0-9A-Z]/.test(each));
  if (at >= 0) return `Character ${at + 1} is ${typed[at]}, which no number has.`;
  const known = [...lengths()];
  if (known.includes(typed.length)) return "";
  const nearest = known.sort((one, other) => Math.abs(one - typed.length) - Math.abs(other - typed.length))[0];
  const missing = nearest - typed.length;
  const length = `${typed.length} ${typed.length === 1 ? "character" : "characters"}`;
  if (Math.abs(missing) > FAR) return `${length}, and a number has ${nearest}.`;
  const many = (figure) => (figure === 1 ? "one" : String(figure));
  const is = Math.abs(missing) === 1 ? "is" : "are";
  return missing > 0 ? `${length}, ${many(missing)} ${is} missing.` : `${length}, ${many(-missing)} too many.`;
}

const problemKind = (type) => (type ?? "").split("/").pop();

// An answer as kind (good, warn, bad), title and lines; null as kind: it has not been answered.
export function explain(text, { status, body }) {
  if (status === 200) {
    const { origin_country_id: from, destination_country_id: to } = body;
    const route = from && to ? `, from ${nameOf(from)} to ${nameOf(to)}` : "";
    const facts = `Series ${body.series}${route}. Its block was leased ${ago(body.leased_at)}.`;
    if (body.status === "issued") return ["good", "Issued", facts];
    return ["warn", "Reserved", `An instance holds the block with this number, and how far it has spent it is not known here: the number may have been handed out. ${facts}`];
  }
  const kind = problemKind(body.type);
  const look = lookAt(text);
  if (kind === "wrong-check-character") {
    return body.likely_typo
      ? ["warn", "Likely typo", `Look at the label again. ${body.detail}`]
      : ["bad", "Wrong check character", `Look at the label again. ${body.detail}`];
  }
  if (kind === "malformed-number") {
    return body.likely_typo
      ? ["warn", "Likely typo", `Look at the label again. ${body.detail}`]
      : ["bad", look ? "Not a number" : "Not one of ours", look || body.detail];
  }
  if (kind === "unknown-number") {
    return ["bad", "Unknown", "Shape and check character are right, but no such number was ever issued here."];
  }
  if (status === 404 || status === 400) return ["bad", "Not a number", look || "It has characters that no number has."];
  if (status === 403) return ["bad", body.title ?? "Not allowed", body.detail];
  return [null, "Not answered", `${look} ${body.detail ?? "The service did not answer."}`.trim()];
}
