// What rows of the operator's tables share: cells, ranges, and lengths of time.

import { ago, byId, element, figures } from "./common.js";

const DAY = 86400;
const YEAR = 365.25 * DAY;

export const rates = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

export function cell(label, content, className) {
  const made = element("td", undefined, className);
  made.dataset.label = label;
  made.append(typeof content === "string" ? element("span", content) : content);
  return made;
}

export function rowOf(...cells) {
  const row = element("tr");
  row.append(...cells);
  return row;
}

export function rangeText({ start, end }) {
  return `${figures.format(start)} – ${figures.format(end - 1)}`;
}

// Seconds, or what says more to a person where they are many; null where nobody asks.
export function lasting(seconds) {
  if (seconds === null) return "idle";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * DAY) return `${Math.round(seconds / 3600)} h`;
  if (seconds < 2 * YEAR) return `${figures.format(Math.round(seconds / DAY))} days`;
  if (seconds < 1000 * YEAR) return `${figures.format(Math.round(seconds / YEAR))} years`;
  return "over 1,000 years";
}

// The day on which something ends, where that is near enough to be one.
export function until(seconds) {
  if (seconds === null || seconds > 100 * YEAR) return "";
  return `until ${new Date(Date.now() + 1000 * seconds).toISOString().slice(0, 10)}`;
}

export function nameOf({ name, successor, closed }) {
  return name + (closed ? " (closed)" : "") + (successor === null ? "" : `, then ${successor}`);
}

export function moment(text) {
  const when = element("time", ago(text));
  when.dateTime = text;
  when.title = text;
  return when;
}

// Put on the page only where it changed: a screen reader speaks of every change.
export function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

export function showRows(id, rows) {
  if (rows.length) byId(id).replaceChildren(...rows);
}

export function lines(...texts) {
  const list = element("div");
  for (const text of texts) if (text) list.append(element("span", text, "range"));
  return list;
}
