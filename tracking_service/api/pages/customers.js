// The customers that this browser remembers: name, slug and id.

import { byId, element } from "./common.js";
import { keep, recallList } from "./store.js";

const NAME = "customers";
const MOST = 200;
const SLUG_LENGTH = 255;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const name = byId("customer_name");
const slug = byId("customer_slug");
const id = byId("customer_id");
// What Unicode takes for letters of their own, and has no accent to leave out.
const LETTERS = { "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i" };
const isText = (value) => typeof value === "string" && value !== "";
// Those that were sent from this page, by folded name: without storage, and where an answer was
// lost, an id still belongs to the customer for whom it was sent.
const sent = new Map();
// What was typed by hand, by field: the value and for whose name; "" where there was no name yet.
const typed = new Map();

// One customer, however the name is spelled: case and runs of blanks tell no two apart.
const fold = (text) => text.normalize("NFKC").trim().replace(/\s+/g, " ").toLowerCase();

function stored() {
  return recallList(NAME, (each) => isText(each?.name) && isText(each.slug) && isText(each.id));
}

// The customers by folded name, the last one that was sent first.
function all() {
  const found = new Map([...sent].reverse());
  for (const each of stored()) {
    if (!found.has(fold(each.name))) found.set(fold(each.name), each);
  }
  return found;
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
  byId("customers").replaceChildren(...[...all().values()].map((each) => {
    const option = element("option", each.slug);
    option.value = each.name;
    return option;
  }));
}

// Puts back what was typed by hand for this customer; false where nothing was.
function restore(input) {
  const by = typed.get(input);
  if (!by || (by.owner !== "" && by.owner !== fold(name.value))) return false;
  input.value = by.value;
  return true;
}

function fill() {
  const known = all().get(fold(name.value));
  byId("forget-customer").hidden = !known;
  byId("customer_name-hint").textContent = "";
  if (known) {
    [slug.value, id.value] = [known.slug, known.id];
    return;
  }
  const before = typed.get(id)?.value;
  if (!restore(id)) {
    const isAnothers = id.value === before || [...all().values()].some((each) => each.id === id.value);
    if (!name.value.trim()) id.value = "";
    else if (!id.value || isAnothers) id.value = makeId();
  }
  if (!restore(slug)) slug.value = propose(name.value);
  const isLeft = [id, slug].some((input) => typed.has(input) && typed.get(input).value !== input.value);
  if (isLeft && name.value.trim()) byId("customer_name-hint").textContent = "Another customer: the id and the short name are new.";
}

// Fills what a person left empty, before it is sent.
export function settleCustomer() {
  const [short, made] = [slug.value, id.value];
  if (!name.value.trim() || (short.trim() && made.trim())) return;
  fill();
  if (short.trim()) slug.value = short;
  if (made.trim()) id.value = made;
}

// From now on the id is this customer's, whatever becomes of the request.
export function noteSent({ customer_name: called, customer_slug: short, customer_id: made }) {
  for (const [input, by] of typed) {
    if (by.value.trim() === input.value.trim()) by.owner = fold(called);
    else typed.delete(input);
  }
  if (!called || !short || !UUID.test(made)) return;
  sent.delete(fold(called));
  sent.set(fold(called), { name: called, slug: short, id: made });
  show();
}

export function rememberCustomer(customer) {
  const others = stored().filter((each) => fold(each.name) !== fold(customer.name));
  keep(NAME, [customer, ...others].slice(0, MOST));
  show();
  byId("forget-customer").hidden = fold(name.value) !== fold(customer.name);
}

export function watchCustomers(changed) {
  name.addEventListener("input", fill);
  for (const input of [slug, id]) {
    input.addEventListener("input", () => {
      if (input.value === "") typed.delete(input);
      else typed.set(input, { value: input.value, owner: fold(name.value) });
    });
  }
  byId("forget-customer").addEventListener("click", () => {
    const gone = fold(name.value);
    sent.delete(gone);
    keep(NAME, stored().filter((each) => fold(each.name) !== gone));
    show();
    typed.clear();
    [name.value, slug.value, id.value] = ["", "", ""];
    fill();
    name.focus();
    changed();
  });
  show();
}
