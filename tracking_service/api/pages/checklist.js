// Checks numbers, one after the other as they are scanned or pasted, and lists the answers.
//
// A scanner types a number and Enter, and may be faster than the answers: what was scanned waits in
// a queue, and the field is empty at once and stays in focus.

import { ask, byId, cell, element, figures, tell } from "./common.js";
import { download } from "./csv.js";
import { explain, isNoNumber, split, squeeze } from "./reading.js";

const AT_ONCE = 4;
// Rows in the table; the file has all.
const SHOWN = 200;
const TEXT_SHOWN = 60;
const field = byId("number");
let scans = [];
let queue = [];
// As the service reads them: which stand in the list already.
let seen = new Set();
let running = 0;

function showState() {
  const tally = new Map();
  for (const { title } of scans) tally.set(title, (tally.get(title) ?? 0) + 1);
  const waiting = tally.get("") ?? 0;
  tally.delete("");
  const parts = [...tally].map(([title, many]) => `${figures.format(many)} ${title.toLowerCase()}`);
  if (waiting) parts.push(`${figures.format(waiting)} waiting`);
  const twice = scans.length - seen.size;
  if (twice) parts.push(`${figures.format(twice)} listed before`);
  const first = scans.length > SHOWN ? `; the last ${SHOWN} are shown` : "";
  byId("list-state").textContent = `${figures.format(scans.length)} ${scans.length === 1 ? "number" : "numbers"}: ${parts.join(", ")}${first}.`;
  byId("list").hidden = scans.length === 0;
  byId("ask-again").hidden = !scans.some(({ kind }) => kind === null);
}

function written(one, tag, className) {
  const text = one.number || one.text;
  const made = element(tag, text.length > TEXT_SHOWN ? `${text.slice(0, TEXT_SHOWN)} …` : text, className);
  if (text.length > TEXT_SHOWN) made.title = text;
  return made;
}

function fillRow(one) {
  const answer = element("span", one.title || "…", one.kind ?? "");
  one.row.replaceChildren(
    cell("Number", written(one, "code"), "long"),
    cell("Answer", answer), cell("Details", [one.detail, one.note].filter(Boolean).join(" "), "long"),
  );
}

async function check(one) {
  // A slash or a dot would make another address of it.
  const answer = isNoNumber(one.text) ? { status: 404, body: {} } : await ask(`/api/tracking-numbers/${encodeURIComponent(one.text)}`);
  [one.kind, one.title, one.detail] = explain(one.text, answer);
  if (answer.status === 200) one.number = answer.body?.tracking_number ?? "";
  one.body = answer.body;
  if (!scans.includes(one)) return;
  fillRow(one);
  // The last one that was scanned is what a person looks at.
  if (one === scans.at(-1)) tell(byId("checked"), one.kind ?? "warn", one.title, written(one, "p", "number"), one.detail, one.note);
}

async function work() {
  if (running >= AT_ONCE) return;
  running += 1;
  while (queue.length) {
    await check(queue.shift());
    // It counts all of them: of a long list not each time.
    if (queue.length % Math.ceil(scans.length / 500) === 0) showState();
  }
  running -= 1;
  showState();
}

function add(texts) {
  const rows = [];
  for (const text of texts) {
    const read = squeeze(text);
    const note = seen.has(read) ? "It is in this list already." : "";
    seen.add(read);
    const one = { text, number: "", kind: "", title: "", detail: "", note, body: {}, row: element("tr") };
    fillRow(one);
    scans.push(one);
    queue.push(one);
    rows.unshift(one.row);
  }
  byId("list-rows").prepend(...rows.slice(0, SHOWN));
  while (byId("list-rows").childElementCount > SHOWN) byId("list-rows").lastElementChild.remove();
  showState();
  for (let started = running; started < AT_ONCE; started += 1) work();
}

function submit() {
  const texts = split(field.value);
  field.value = "";
  field.focus();
  if (texts.length) add(texts);
  else if (!scans.length) tell(byId("checked"), "bad", "Nothing to check", "Scan or type a tracking number first.");
}

export function scan(number) {
  // Left out, where the key may not check or checking is not published.
  if (!field.checkVisibility()) return;
  // What stands in the field stays there.
  field.focus();
  add([number]);
}

export function watchChecking() {
  byId("check-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  field.addEventListener("keydown", (event) => {
    // Shift and Enter is a new line; what an input method composes is not finished by Enter.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  byId("clear-list").addEventListener("click", () => {
    [scans, queue, seen] = [[], [], new Set()];
    byId("list-rows").replaceChildren();
    byId("checked").hidden = true;
    showState();
    field.focus();
  });
  byId("ask-again").addEventListener("click", () => {
    for (const one of scans) {
      if (one.kind !== null) continue;
      [one.kind, one.title, one.detail] = ["", "", ""];
      fillRow(one);
      queue.push(one);
    }
    showState();
    field.focus();
    for (let started = running; started < AT_ONCE; started += 1) work();
  });
  byId("save-list").addEventListener("click", () => {
    download(
      "checked-numbers.csv",
      ["scanned", "tracking_number", "answer", "details", "series", "origin", "destination", "leased_at"],
      scans.map(({ text, number, title, detail, note, body }) => [
        text, number, title || "waiting", [detail, note].filter(Boolean).join(" "), body.series, body.origin_country_id, body.destination_country_id, body.leased_at,
      ]),
    );
    // The next scan goes into the field.
    field.focus();
  });
}
