// The last numbers of this browser: to be searched, copied, downloaded and cleared.

import { ago, byId, cell, copy, element, figures } from "./common.js";
import { scan } from "./checklist.js";
import { download } from "./csv.js";
import { printLabels } from "./labels.js";
import { keep, recallList } from "./store.js";

const NAME = "history";
const MOST = 2000;
const SHOWN = 20;
const SURE_MS = 4000;
let entries = [];

// The weight, which stands last, was not always kept.
const isEntry = (each) => Array.isArray(each) && (each.length === 6 || each.length === 7) && each.every((text) => typeof text === "string");

function recallAll() {
  entries = recallList(NAME, isEntry).slice(0, MOST);
}

// An entry is number, moment, series, origin, destination, customer and weight; the last one stands first.
export function addToHistory(numbers, moment, fields) {
  // Another tab may have added some since.
  recallAll();
  const { series, origin_country_id: from, destination_country_id: to, customer_name: name, weight } = fields;
  const added = numbers.slice(-MOST).reverse().map((number) => [number, moment, series, from, to, name, weight]);
  entries = [...added, ...entries].slice(0, MOST);
  keep(NAME, entries);
  showHistory();
}

function found() {
  const words = byId("history-search").value.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    const text = entry.join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function row([number, moment, series, from, to, name]) {
  const made = element("tr");
  const again = element("button", number, "plain number-button");
  again.type = "button";
  again.title = "Check it";
  again.addEventListener("click", () => scan(number));
  // Which of the two is seen depends on whether the key may check (page.css).
  const both = element("span");
  both.append(again, element("code", number, "number-text"));
  const when = element("time", ago(moment));
  when.dateTime = when.title = moment;
  made.append(
    cell("Number", both), cell("Route", `${from} to ${to}`), cell("Customer", element("bdi", name), "long"),
    cell("Series", series, "long"), cell("Issued", when, "figure"),
  );
  return made;
}

function showHistory() {
  const some = found();
  byId("history-none").hidden = entries.length > 0;
  byId("history-some").hidden = entries.length === 0;
  const of = some.length === entries.length ? "" : ` of ${figures.format(entries.length)}`;
  const first = some.length > SHOWN ? `; the last ${SHOWN} are shown` : "";
  const kept = entries.length === MOST ? ", as many as are kept" : "";
  byId("history-state").textContent = `${figures.format(some.length)}${of} ${some.length === 1 ? "number" : "numbers"}${kept}${first}.`;
  byId("copy-history").firstChild.nodeValue = of ? `Copy these ${figures.format(some.length)}` : "Copy all";
  byId("history-labels-state").textContent = "";
  byId("history-rows").replaceChildren(...some.slice(0, SHOWN).map(row));
}

export function watchHistory() {
  const clear = byId("clear-history");
  const label = clear.firstChild.nodeValue;
  let timer = null;
  const calm = () => {
    clearTimeout(timer);
    timer = null;
    clear.firstChild.nodeValue = label;
  };
  clear.addEventListener("click", () => {
    if (timer === null) {
      clear.firstChild.nodeValue = "Really clear";
      timer = setTimeout(calm, SURE_MS);
      return;
    }
    calm();
    entries = [];
    keep(NAME, entries);
    byId("history-search").value = "";
    showHistory();
    byId("history").focus();
  });
  byId("history-search").addEventListener("input", showHistory);
  byId("copy-history").addEventListener("click", () => copy(found().map(([number]) => number).join("\n"), byId("copy-history")));
  byId("save-history").addEventListener("click", () => download(
    "tracking-numbers-history.csv",
    ["tracking_number", "created_at", "series", "origin", "destination", "customer", "weight"],
    found(),
  ));
  byId("print-history").addEventListener("click", () => printLabels(
    found().map(([number, , , from, to, name, weight]) => [
      number, { origin_country_id: from, destination_country_id: to, customer_name: name, weight },
    ]),
    byId("history-labels-state"),
  ));
  window.addEventListener("storage", (event) => {
    if (event.key !== NAME && event.key !== null) return;
    recallAll();
    showHistory();
  });
  recallAll();
  showHistory();
}
