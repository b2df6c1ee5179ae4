// The customers that this browser remembers: name, slug and id.

import { byId, element } from "./common.js";
import { keep, recallList } from "./store.js";

const NAME = "customers";
const MOST = 200;
const SLUG_LENGTH = 255;
const name = byId("customer_name");
const slug = byId("customer_slug");
const id = byId("customer_id");
// What Unicode takes for letters of their own, and has no accent to leave out.
const LETTERS = { "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i" };
const isText = (value) => typeof value === "string" && value !== "";
// What was typed by hand is not proposed anew.
let slugIsProposed = true;
let idIsMade = true;

function all() {
  return recallList(NAME, (each) => isText(each?.name) && isText(each.slug) && isText(each.id));
}

// A random UUID, of version 4. `crypto.randomUUID` is for secure contexts alone.
function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function propose(text) {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^\x00-\x7f]/g, (letter) => LETTERS[letter] ?? letter);
  const found = plain.replace(/[^a-z0-9]+/g, "-").slice(0, SLUG_LENGTH).replace(/^-+|-+$/g, "");
  return found || (text.trim() ? `customer-${id.value.slice(0, 8)}` : "");
}

function show() {
  byId("customers").replaceChildren(...all().map((each) => {
    const option = element("option", each.slug);
    option.value = each.name;
    return option;
  }));
}

function fill() {
  const known = all().find((each) => each.name === name.value.trim());
  byId("forget-customer").hidden = !known;
  if (known) {
    [slug.value, id.value] = [known.slug, known.id];
    slugIsProposed = idIsMade = true;
    return;
  }
  // Another customer than the one whose id stands there needs one of its own.
  if (idIsMade && (!id.value || all().some((each) => each.id === id.value))) id.value = makeId();
  if (!name.value.trim() && idIsMade) id.value = "";
  if (slugIsProposed) slug.value = propose(name.value);
}

export function rememberCustomer(customer) {
  const others = all().filter((each) => each.name !== customer.name);
  keep(NAME, [customer, ...others].slice(0, MOST));
  show();
  byId("forget-customer").hidden = name.value.trim() !== customer.name;
}

export function watchCustomers(changed) {
  name.addEventListener("input", fill);
  slug.addEventListener("input", () => {
    slugIsProposed = slug.value === "";
  });
  id.addEventListener("input", () => {
    idIsMade = id.value === "";
  });
  byId("forget-customer").addEventListener("click", () => {
    keep(NAME, all().filter((each) => each.name !== name.value.trim()));
    show();
    [name.value, slug.value, id.value] = ["", "", ""];
    fill();
    name.focus();
    changed();
  });
  show();
}
