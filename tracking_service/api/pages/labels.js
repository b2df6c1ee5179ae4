// Labels: on paper alone (print.css), with a barcode each, which is fetched when labels are asked
// for. They are gone when they were printed: the browser's own menu prints the page.

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
// What labels were asked for: a number and its shipment each; and the barcodes, by number.
let current = [];
let barcodes = new Map();
let isBusy = false;
const layouts = [byId("layout"), byId("history-layout")];

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

function oneLabel(number, fields) {
  const label = element("div", undefined, "label");
  label.append(barcodes.get(number) ?? element("p", number, "label-number"));
  const weight = fields.weight ? ` · ${fields.weight} kg` : "";
  const line = element("p", `${fields.origin_country_id} → ${fields.destination_country_id}${weight} · `);
  line.append(element("bdi", fields.customer_name));
  label.append(line);
  return label;
}

// Puts labels where the printer finds them.
function build() {
  const labels = current.map(([number, fields]) => oneLabel(number, fields));
  const sheets = [];
  if (layouts[0].value === "sheet") {
    for (let at = 0; at < labels.length; at += A_SHEET) {
      const sheet = element("div", undefined, "sheet");
      sheet.append(...labels.slice(at, at + A_SHEET));
      sheets.push(sheet);
    }
  }
  byId("labels").replaceChildren(...(sheets.length ? sheets : labels));
}

const missing = () => current.filter(([number]) => !barcodes.get(number)).map(([number]) => number);

async function fetchAll(told) {
  const numbers = missing();
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < numbers.length) {
      const number = numbers[next];
      next += 1;
      const barcode = await fetchBarcode(number);
      if (barcode) barcodes.set(number, barcode);
      done += 1;
      if (done % 50 === 0) told(done, numbers.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function print() {
  build();
  window.print();
}

const labelsOf = (many) => `${figures.format(many)} ${many === 1 ? "label" : "labels"}`;

// Each label is a number and its shipment; `state` is where it is told how it goes.
export async function printLabels(labels, state) {
  if (isBusy || !labels.length) return;
  isBusy = true;
  current = labels;
  const wanted = new Set(labels.map(([number]) => number));
  barcodes = new Map([...barcodes].filter(([number]) => wanted.has(number)));
  state.textContent = "";
  try {
    await fetchAll((done, all) => {
      state.textContent = `Barcode ${figures.format(done)} of ${figures.format(all)} …`;
    });
  } finally {
    isBusy = false;
  }
  const many = missing().length;
  if (!many) {
    state.textContent = `${labelsOf(labels.length)}.`;
    return print();
  }
  // A label that no scanner reads is printed only for those who want it.
  const anyway = element("button", "Print without", "plain");
  anyway.type = "button";
  anyway.addEventListener("click", () => {
    if (current === labels && !isBusy) print();
  });
  state.replaceChildren(
    `${labelsOf(many)} ${many === 1 ? "has" : "have"} no barcode: the service did not draw it, or your key does not allow it (scope verify). `,
    anyway,
  );
}

export function watchLabels() {
  const chosen = recall(LAYOUT, "label") === "sheet" ? "sheet" : "label";
  for (const layout of layouts) {
    layout.value = chosen;
    layout.addEventListener("change", () => {
      for (const each of layouts) each.value = layout.value;
      keep(LAYOUT, layout.value);
    });
  }
  window.addEventListener("afterprint", () => byId("labels").replaceChildren());
}
