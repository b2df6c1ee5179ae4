// What an answer about a number means, in words, and what to look at where it is wrong.

import { ago } from "./common.js";
import { nameOf } from "./countries.js";
import { lengths } from "./series.js";

const FAR = 4;
const NO_NUMBER = "Not a tracking number";

// As the service reads it: white space, dashes and what has no width are left out.
export function squeeze(text) {
  return text.normalize("NFKC").replace(/[\s\p{Cf}\p{Pd}\u2212]/gu, "").toUpperCase();
}

const WEB = /^\s*(?:[a-z]+:\/\/|www\.)/i;

// A text with a slash is an address, one of dots a folder: neither is asked for.
export const isNoNumber = (text) => WEB.test(text) || /[/\\]/.test(text) || !/[\p{L}\p{N}]/u.test(text);

// The numbers of a text that was scanned or pasted. Of a spreadsheet's row each cell is one, perhaps
// in quotes; spaces and dashes stand within a number, unless each part is as long as a number.
export function split(text) {
  const cells = text.split(/[\r\n\t,;]+/).map((each) => each.trim().replace(/^(["'])([^"']*)\1$/, "$2").trim());
  const whole = lengths();
  return cells.filter(Boolean).flatMap((each) => {
    const parts = each.split(/\s+/).map((part) => part.replace(/^(["'])([^"']*)\1$/, "$2"));
    return parts.every((part) => whole.has(squeeze(part).length)) ? parts : [each];
  });
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
  if (status >= 200 && status < 400 && !body?.tracking_number) {
    return [null, "Not answered", "Something else answered, between this page and the service."];
  }
  if (status === 401) return [null, "Not answered", "Sign in with your access key."];
  if (status === 403) return ["bad", "Not allowed", "Your key does not allow checking (scope verify)."];
  if (WEB.test(text)) return ["bad", NO_NUMBER, "This is a web address, not a tracking number. Scan the other barcode."];
  if (status === 200) {
    const { origin_country_id: from, destination_country_id: to } = body;
    const route = from && to ? `, from ${nameOf(from)} to ${nameOf(to)}` : "";
    const facts = `Series ${body.series}${route}. Its block was leased ${ago(body.leased_at)}.`;
    if (body.status === "issued") return ["good", "Issued", facts];
    return ["warn", "Reserved", `One of ours, perhaps in use: the server that holds it can tell. ${facts}`];
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
      : ["bad", look ? NO_NUMBER : "Not one of ours", look || body.detail];
  }
  if (kind === "unknown-number") {
    return ["bad", "Unknown", "Shape and check character are right, but no such number was ever issued here."];
  }
  if (status === 404 || status === 405 || status === 400) return ["bad", NO_NUMBER, look || "It has characters that no number has."];
  return [null, "Not answered", `${look} ${body.detail ?? "The service did not answer."}`.trim()];
}
