// Asks for a number, and shows the curl line that would.

import { ROOT, ask, byId, copy, element, keyIsUsed, once, picture, tell } from "./common.js";
import { checkNumber } from "./check.js";

// What a barcode's module of 0.33 mm is in CSS pixels.
const MODULE_DOTS = 0.33 * 96 / 25.4;
const SERVICE = "/api/next-tracking-number/";
const askForm = byId("ask-form");
const createdAt = byId("created_at");
let createdAtIsNow = true;

// RFC 3339 in the reader's own offset.
function now() {
  const moment = new Date();
  const minutes = -moment.getTimezoneOffset();
  const local = new Date(moment.getTime() + minutes * 60000).toISOString().slice(0, 19);
  const two = (figure) => String(figure).padStart(2, "0");
  const size = Math.abs(minutes);
  return `${local}${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

function query() {
  const parts = [];
  for (const [name, value] of new FormData(askForm)) {
    // An apostrophe would end the quoted URL in a shell.
    const written = encodeURIComponent(value).replaceAll("'", "%27").replaceAll("%3A", ":");
    if (name !== "series" || value !== "default") parts.push(`${name}=${written}`);
  }
  return `${SERVICE}?${parts.join("&")}`;
}

export function showCurl() {
  const key = keyIsUsed() ? '-H "Authorization: Bearer $TOKEN" ' : "";
  byId("curl").textContent = `curl ${key}'${location.origin}${ROOT}${query()}'`;
}

function clearFaults() {
  for (const fault of askForm.querySelectorAll(".fault")) fault.remove();
  for (const input of askForm.elements) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

// Puts each fault beside its field; returns those of no field.
function showFaults(faults) {
  const others = [];
  let first = null;
  for (const { parameter, message } of faults) {
    const input = parameter && askForm.elements.namedItem(parameter);
    if (!input) {
      others.push(`${parameter} ${message}`.trim());
      continue;
    }
    const fault = element("p", message, "fault");
    fault.id = `fault-${parameter}`;
    input.after(fault);
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", fault.id);
    first ??= input;
  }
  if (first) first.focus();
  return others;
}

function showNumber(number, moment) {
  const actions = element("div", undefined, "actions");
  const copyIt = element("button", "Copy", "plain");
  copyIt.append(element("span", " the number", "unseen"));
  copyIt.type = "button";
  copyIt.addEventListener("click", () => copy(number, copyIt));
  const checkIt = element("button", "Check it", "plain");
  checkIt.type = "button";
  checkIt.addEventListener("click", () => {
    checkNumber(number);
  });
  actions.append(copyIt, checkIt);
  const barcode = element("p", undefined, "barcode");
  tell(
    byId("asked"), "good", "Your number",
    element("p", number, "number"), `Issued at ${moment}`, barcode, actions,
  );
  showBarcode(number, barcode);
}

// A number is there without its picture, which a key for issuing alone may not see.
async function showBarcode(number, where) {
  const address = await picture(`/api/tracking-numbers/${number}/barcode.svg`);
  if (address === null) return where.remove();
  const image = element("img");
  image.alt = `Barcode of ${number}`;
  image.addEventListener("load", () => {
    // Two whole dots a module, so that it can be scanned off the screen.
    image.width = 2 * Math.round(image.naturalWidth / MODULE_DOTS);
    URL.revokeObjectURL(address);
  });
  image.src = address;
  return where.append(image);
}

async function askForNumber() {
  clearFaults();
  if (createdAtIsNow) createdAt.value = now();
  showCurl();
  const { status, body } = await ask(query());
  if (status === 200) return showNumber(body.tracking_number, body.created_at);
  if (status === 0) return tell(byId("asked"), "bad", "No answer", "The service did not answer.");
  const others = showFaults(body.errors ?? []);
  const detail = body.errors ? others.join(" ") : body.detail;
  return tell(byId("asked"), status === 503 ? "warn" : "bad", body.title, detail);
}

askForm.addEventListener("input", (event) => {
  if (event.target === createdAt) createdAtIsNow = false;
  if (event.target.maxLength === 2) event.target.value = event.target.value.toUpperCase();
  showCurl();
});
askForm.addEventListener("submit", (event) => {
  event.preventDefault();
  once(askForm, askForNumber);
});
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => copy(byId(button.dataset.copy).textContent, button));
}

createdAt.value = now();
showCurl();
