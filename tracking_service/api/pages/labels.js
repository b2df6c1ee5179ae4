// Labels: on paper alone (print.css), with a barcode each, which is fetched when it is printed.

import { byId, element, figures, picture } from "./common.js";
import { keep, recall } from "./store.js";

const AT_ONCE = 6;
const TRIES = 3;
const A_SHEET = 14;
const LAYOUT = "label-layout";
let addresses = [];
let current = null;
let isWhole = false;

function oneLabel(number, image, fields) {
  const label = element("div", undefined, "label");
  label.append(image ?? element("p", number, "label-number"));
  label.append(element("p", `${fields.origin_country_id} → ${fields.destination_country_id} · ${fields.weight} kg · ${fields.customer_name}`));
  return label;
}

// Puts labels where the printer finds them; `images` are their barcodes, as far as there are any.
export function setLabels(result, images = []) {
  current = result;
  isWhole = images.length === result.numbers.length;
  for (const address of addresses) URL.revokeObjectURL(address);
  addresses = images.map((image) => image?.src).filter(Boolean);
  byId("labels").replaceChildren();
  if (isWhole) build(images);
}

function build(images) {
  const labels = current.numbers.map((number, at) => oneLabel(number, images[at], current.fields));
  const sheets = [];
  if (byId("layout").value === "sheet") {
    for (let at = 0; at < labels.length; at += A_SHEET) {
      const sheet = element("div", undefined, "sheet");
      sheet.append(...labels.slice(at, at + A_SHEET));
      sheets.push(sheet);
    }
  }
  byId("labels").replaceChildren(...(sheets.length ? sheets : labels));
}

function loaded(image) {
  if (image.complete) return null;
  return new Promise((resolve) => {
    image.addEventListener("load", resolve, { once: true });
    image.addEventListener("error", resolve, { once: true });
  });
}

async function fetchBarcode(number) {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const { address, status } = await picture(`/api/tracking-numbers/${number}/barcode.svg`);
    if (address !== null) {
      const image = element("img");
      image.src = address;
      return image;
    }
    if (status === 403 || status === 404) return null;
  }
  return null;
}

let isBusy = false;

export async function printLabels(result) {
  if (isBusy) return;
  isBusy = true;
  try {
    if (!isWhole) await fetchAll(result);
    else build([...byId("labels").querySelectorAll("img")]);
    if (current === result) window.print();
  } finally {
    isBusy = false;
  }
}

async function fetchAll(result) {
  const { numbers } = result;
  const images = new Array(numbers.length);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < numbers.length && current === result) {
      const at = next;
      next += 1;
      images[at] = await fetchBarcode(numbers[at]);
      done += 1;
      if (done % 50 === 0) say(`Barcode ${figures.format(done)} of ${figures.format(numbers.length)} …`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await Promise.all(images.filter(Boolean).map(loaded));
  if (current !== result) return;
  setLabels(result, images);
  const missing = images.filter((image) => !image).length;
  isWhole = missing === 0;
  say(missing ? `${figures.format(missing)} labels have no barcode: the service did not draw it, or the key lacks the scope verify.` : `${figures.format(numbers.length)} ${numbers.length === 1 ? "label" : "labels"}.`);
}

function say(text) {
  byId("labels-state").textContent = text;
}

export function watchLabels() {
  const layout = byId("layout");
  if (recall(LAYOUT, "label") === "sheet") layout.value = "sheet";
  layout.addEventListener("change", () => {
    keep(LAYOUT, layout.value);
    if (isWhole) build([...byId("labels").querySelectorAll("img")]);
  });
  // Printed by the browser's own menu: what there is, without waiting for barcodes.
  window.addEventListener("beforeprint", () => {
    if (current && !byId("labels").hasChildNodes()) build([]);
  });
}
