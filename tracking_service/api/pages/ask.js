// Asks for one number or for many, and shows what came.

import { ask, byId, copy, element, figures, keyIsUsed, once, picture, tell, timeOf } from "./common.js";
import { askMany, isLost, makeKey } from "./batch.js";
import { scan } from "./checklist.js";
import { nameOf } from "./countries.js";
import { noteSent, rememberCustomer } from "./customers.js";
import { download } from "./csv.js";
import { askForm, clearFaults, count, forgetCreatedAt, query, shipment, showCurl, showFaults } from "./form.js";
import { addToHistory } from "./history.js";
import { printLabels } from "./labels.js";

// What a barcode's module of 0.33 mm is in CSS pixels.
const MODULE_DOTS = 0.33 * 96 / 25.4;
const PENDING = "pending-batch";
// What is shown: numbers, when they were issued, and for what.
let shown = { numbers: [], moment: "", fields: {} };

function way({ origin_country_id: origin, destination_country_id: destination }) {
  return `${nameOf(origin)} to ${nameOf(destination)}`;
}

function remember({ customer_name: name, customer_slug: slug, customer_id: id }) {
  rememberCustomer({ name: name.trim(), slug, id });
}

// Returns true: numbers were spent, and a double click must not spend more.
function show(numbers, moment, fields) {
  shown = { numbers, moment, fields };
  addToHistory(numbers, moment, fields);
  remember(fields);
  forgetCreatedAt();
  byId("asked-actions").hidden = false;
  byId("check-number").hidden = numbers.length > 1;
  byId("labels-state").textContent = "";
  const what = element("p", `${way(fields)}, ${fields.weight} kg, `);
  what.append(element("bdi", fields.customer_name), ". Issued on ", timeOf(moment), ".");
  if (numbers.length > 1) {
    const ends = element("p", undefined, "ends");
    ends.append(element("code", numbers[0]), " … ", element("code", numbers.at(-1)));
    tell(byId("asked"), "good", `${figures.format(numbers.length)} numbers`, ends, what);
    return true;
  }
  const barcode = element("p", undefined, "barcode");
  tell(byId("asked"), "good", "Your number", element("p", numbers[0], "number"), what, barcode);
  showBarcode(numbers[0], barcode);
  return true;
}

// A number is there without its picture, which a key for issuing alone may not see.
async function showBarcode(number, where) {
  const { address, status } = await picture(`/api/tracking-numbers/${number}/barcode.svg`);
  if (address === null) {
    where.className = "quiet";
    where.textContent = status === 403 ? "A key with the scope verify shows its barcode." : "";
    return;
  }
  const image = element("img");
  image.alt = `Barcode of ${number}`;
  image.addEventListener("load", () => {
    // Two whole dots a module, so that it can be scanned off the screen.
    image.width = 2 * Math.round(image.naturalWidth / MODULE_DOTS);
    URL.revokeObjectURL(address);
  });
  image.src = address;
  where.append(image);
}

// What is shown of a number that came before stays: a fault takes nothing away.
function showFault({ status, body }, ...actions) {
  const fault = byId("ask-fault");
  if (status >= 200 && status < 400) {
    return tell(
      fault, "bad", "Something else answered",
      "The answer has no tracking number: it is from something between this page and the service.", ...actions,
    );
  }
  if (isLost(status)) return tell(fault, "bad", "No answer", "The service did not answer.", ...actions);
  if (status === 401) {
    tell(fault, "bad", "Sign in with your access key", keyIsUsed() ? body.detail : "", ...actions);
    return byId("token").focus();
  }
  const others = showFaults(body.errors ?? []);
  if (body.errors) return tell(fault, "bad", "Please correct the marked fields.", others.join(" "), ...actions);
  return tell(fault, status === 503 ? "warn" : "bad", body.title ?? `Status ${status}`, body.detail, ...actions);
}

async function askForOne(fields) {
  const answer = await ask(query(fields));
  if (answer.status !== 200 || !answer.body?.tracking_number) return showFault(answer);
  return show([answer.body.tracking_number], answer.body.created_at, fields);
}

function recallPending() {
  try {
    return JSON.parse(sessionStorage.getItem(PENDING));
  } catch {
    return null;
  }
}

// Kept for the tab until its numbers are here: they can be had after the page was closed, too.
function keepPending(pending) {
  try {
    if (pending) sessionStorage.setItem(PENDING, JSON.stringify(pending));
    else sessionStorage.removeItem(PENDING);
  } catch {
    // Storage is off.
  }
}

function action(text, work) {
  const button = element("button", text, "plain");
  button.type = "button";
  button.addEventListener("click", () => once(askForm, work));
  return button;
}

async function askForMany(pending) {
  const { key, body } = pending;
  const progress = byId("arrived");
  const text = byId("arrived-text");
  const told = (arrived) => {
    progress.value = Math.min(arrived / body.count, 1) || 0;
    text.textContent = `${figures.format(arrived)} of ${figures.format(body.count)}`;
  };
  byId("ask-fault").hidden = true;
  told(0);
  byId("arriving").hidden = false;
  if (key) keepPending(pending);
  const answer = await askMany(body, key, told, () => {
    text.textContent = "The connection broke. Asking again for the same numbers …";
  });
  byId("arriving").hidden = true;
  if (isLost(answer.status) && key) {
    return showFault(answer, action("Ask again for the same numbers", () => askForMany(pending)));
  }
  if (answer.status !== 401) keepPending(null);
  const { count: _, ...fields } = body;
  if (answer.status === 201) return show(answer.numbers, answer.moment, fields);
  if (key && answer.body.type?.includes("/database-")) {
    const note = "Without the database they can be had from memory; if the connection breaks then, they are lost.";
    return showFault(answer, note, action("Get them from memory", () => askForMany({ key: null, body })));
  }
  return showFault(answer);
}

function isSame(one, other) {
  return Object.keys(other).every((name) => name === "created_at" || one[name] === other[name]);
}

function submit() {
  clearFaults();
  byId("ask-fault").hidden = true;
  const fields = shipment();
  const many = count();
  noteSent(fields);
  showCurl();
  if (many === "1") return askForOne(fields);
  // What is no number is sent as it is, so that every fault is told at once.
  const number = /^[0-9]+$/.test(many) ? Number(many) : many;
  const body = { ...fields, count: number };
  // Asked for again, after its answer was lost: the same numbers, and so at the same moment.
  const lost = recallPending();
  if (lost?.key && isSame(lost.body, body)) return askForMany(lost);
  return askForMany({ key: makeKey(), body });
}

export function watchAsking() {
  askForm.addEventListener("submit", (event) => {
    event.preventDefault();
    once(askForm, submit);
  });
  const on = (id, work) => byId(id).addEventListener("click", work);
  on("copy-numbers", () => copy(shown.numbers.join("\n"), byId("copy-numbers")));
  on("check-number", () => scan(shown.numbers[0]));
  on("print-numbers", () => printLabels(shown.numbers.map((number) => [number, shown.fields]), byId("labels-state")));
  on("save-numbers", () => {
    const { origin_country_id: from, destination_country_id: to, customer_name: name, series, weight } = shown.fields;
    download(
      `tracking-numbers-${shown.numbers[0]}.csv`,
      ["tracking_number", "created_at", "series", "origin", "destination", "weight", "customer"],
      shown.numbers.map((number) => [number, shown.moment, series, from, to, weight, name]),
    );
  });
  const pending = recallPending();
  if (pending?.key && pending.body) {
    remember(pending.body);
    tell(
      byId("ask-fault"), "warn", "Numbers that have not arrived",
      `${figures.format(pending.body.count)} numbers were asked for, and the page was closed before they came.`,
      action("Ask again for the same numbers", () => askForMany(pending)),
      action("Leave them", async () => {
        keepPending(null);
        byId("ask-fault").hidden = true;
      }),
    );
  }
}
