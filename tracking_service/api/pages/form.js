// The form: what is asked for, its curl line, and the faults beside the fields.

import { ROOT, byId, copy, element, keyIsUsed } from "./common.js";
import { settle, watchCountries } from "./countries.js";
import { settleCustomer, watchCustomers } from "./customers.js";

const SERVICE = "/api/next-tracking-number/";
export const askForm = byId("ask-form");
const createdAt = byId("created_at");
const countries = [byId("origin_country_id"), byId("destination_country_id")];
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

// What is asked for, by parameter; `count` is apart from it.
export function shipment() {
  countries.forEach(settle);
  settleCustomer();
  if (createdAtIsNow) createdAt.value = now();
  return trimmed();
}

function trimmed() {
  const { count: _, ...fields } = Object.fromEntries(new FormData(askForm));
  for (const [name, value] of Object.entries(fields)) fields[name] = value.trim();
  return fields;
}

// The next shipment is another one: a time that was typed is for one answer.
export function forgetCreatedAt() {
  createdAtIsNow = true;
  createdAt.value = now();
  showCurl();
}

export const count = () => byId("count").value.trim() || "1";

export function query(fields) {
  const parts = [];
  for (const [name, value] of Object.entries(fields)) {
    // An apostrophe would end the quoted URL in a shell.
    const written = encodeURIComponent(value).replaceAll("'", "%27").replaceAll("%3A", ":");
    if (name !== "series" || value !== "default") parts.push(`${name}=${written}`);
  }
  return `${SERVICE}?${parts.join("&")}`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function showCurl() {
  const fields = trimmed();
  const key = keyIsUsed() ? '-H "Authorization: Bearer $TOKEN" ' : "";
  if (count() === "1") {
    byId("curl").textContent = `curl ${key}'${location.origin}${ROOT}${query(fields)}'`;
    return;
  }
  const json = JSON.stringify({ ...fields, count: Number(count()) });
  byId("curl").textContent = `curl ${key}-H 'Content-Type: application/json' -d ${quoted(json)} '${location.origin}${ROOT}/api/tracking-numbers/'`;
}

function describe(input, id) {
  const hint = byId(`${input.id}-hint`);
  const ids = [hint?.id, id].filter(Boolean).join(" ");
  if (ids) input.setAttribute("aria-describedby", ids);
  else input.removeAttribute("aria-describedby");
}

export function clearFaults() {
  for (const fault of askForm.querySelectorAll(".fault")) fault.remove();
  for (const input of askForm.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    describe(input);
  }
}

// Made out of the customer's name by the page: without a name, the name alone is what is missing.
const MADE = ["customer_slug", "customer_id"];

// Puts each fault beside its field; returns those of no field.
export function showFaults(faults) {
  const others = [];
  let first = null;
  const isNameless = byId("customer_name").value.trim() === "";
  for (const { parameter, message } of faults) {
    const input = parameter && askForm.elements.namedItem(parameter);
    if (input && MADE.includes(parameter) && isNameless && input.value.trim() === "") continue;
    if (!input) {
      others.push(`${parameter} ${message}`.trim());
      continue;
    }
    const fault = element("p", message, "fault");
    fault.id = `fault-${parameter}`;
    input.after(fault);
    input.setAttribute("aria-invalid", "true");
    describe(input, fault.id);
    if (byId("more").contains(input)) byId("more").open = true;
    first ??= input;
  }
  if (first) first.focus();
  return others;
}

export function watchForm() {
  watchCountries(countries);
  watchCustomers(showCurl);
  for (const kind of ["input", "change"]) {
    askForm.addEventListener(kind, (event) => {
      if (event.target === createdAt) createdAtIsNow = createdAt.value === "";
      askForm.querySelector("[type=submit]").textContent = count() === "1" ? "Get a number" : "Get numbers";
      showCurl();
    });
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => copy(byId(button.dataset.copy).textContent, button));
  }
  createdAt.value = now();
  showCurl();
}
