// Labels: on paper alone (print.css), with a barcode each, which is fetched when it is printed.

import { ROOT, byId, element, figures, keyHeaders } from "./common.js";
import { keep, recall } from "./store.js";

const AT_ONCE = 6;
const TRIES = 3;
const TIMEOUT_MS = 10000;
const A_SHEET = 14;
const LAYOUT = "label-layout";
const SVG = "http://www.w3.org/2000/svg";
// What is taken over of a drawing: no script, no style, no link is.
const DRAWN = {
  svg: ["width", "height", "viewBox"],
  path: ["d", "fill", "shape-rendering"],
  text: ["x", "y", "text-anchor", "font-family", "font-size"],
};
let current = null;
let barcodes = [];
let isBusy = false;

function copyDrawing(source) {
  const made = document.createElementNS(SVG, source.localName);
  for (const name of DRAWN[source.localName]) {
    if (source.hasAttribute(name)) made.setAttribute(name, source.getAttribute(name));
  }
  if (source.localName === "text") made.textContent = source.textContent;
  for (const child of source.children) {
    if (Object.hasOwn(DRAWN, child.localName)) made.append(copyDrawing(child));
  }
  return made;
}

// A drawing on the page rather than a picture: for each picture of SVG a browser makes a document,
// of which a thousand take it a minute.
async function fetchBarcode(number) {
  for (let tried = 0; tried < TRIES; tried += 1) {
    try {
      const answer = await fetch(`${ROOT}/api/tracking-numbers/${number}/barcode.svg`, {
        headers: keyHeaders(), signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (answer.ok) {
        const parsed = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
        return copyDrawing(parsed.documentElement);
      }
      if (answer.status < 500) return null;
    } catch {
      // The connection broke, or it is no drawing.
    }
  }
  return null;
}

function oneLabel(number, barcode, fields) {
  const label = element("div", undefined, "label");
  label.append(barcode ?? element("p", number, "label-number"));
  label.append(element("p", `${fields.origin_country_id} → ${fields.destination_country_id} · ${fields.weight} kg · ${fields.customer_name}`));
  return label;
}

// Puts labels where the printer finds them.
function build() {
  const labels = current.numbers.map((number, at) => oneLabel(number, barcodes[at], current.fields));
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

export function setLabels(result) {
  current = result;
  barcodes = [];
  byId("labels").replaceChildren();
  // One number's label is ready for the browser's own menu, too.
  if (result.numbers.length === 1) fetchAll(result, () => {});
}

async function fetchAll(result, told) {
  const { numbers } = result;
  const fetched = new Array(numbers.length);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < numbers.length && current === result) {
      const at = next;
      next += 1;
      fetched[at] = await fetchBarcode(numbers[at]);
      done += 1;
      if (done % 50 === 0) told(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (current !== result) return;
  barcodes = fetched;
  build();
}

function say(text) {
  byId("labels-state").textContent = text;
}

export async function printLabels(result) {
  if (isBusy) return;
  isBusy = true;
  const many = figures.format(result.numbers.length);
  const missing = () => result.numbers.filter((_, at) => !barcodes[at]).length;
  try {
    if (missing()) await fetchAll(result, (done) => say(`Barcode ${figures.format(done)} of ${many} …`));
    if (current !== result) return;
    say(missing()
      ? `${figures.format(missing())} labels have no barcode: the service did not draw it, or the key lacks the scope verify.`
      : `${many} ${result.numbers.length === 1 ? "label" : "labels"}.`);
    window.print();
  } finally {
    isBusy = false;
  }
}

export function watchLabels() {
  const layout = byId("layout");
  if (recall(LAYOUT, "label") === "sheet") layout.value = "sheet";
  layout.addEventListener("change", () => {
    keep(LAYOUT, layout.value);
    if (byId("labels").hasChildNodes()) build();
  });
  // Printed by the browser's own menu: what there is, without waiting for barcodes.
  window.addEventListener("beforeprint", () => {
    if (current && !byId("labels").hasChildNodes()) build();
  });
}
