// What the instance holds, and the fleet's last leases, as /api/status tells them.

import { ago, ask, byId, element, figures } from "./common.js";

const EVERY_MS = 2000;
const SHOWN_BLOCKS = 3;
const rates = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

function cell(label, content, className) {
  const made = element("td", undefined, className);
  made.dataset.label = label;
  made.append(typeof content === "string" ? element("span", content) : content);
  return made;
}

function rangeText({ start, end }) {
  return `${figures.format(start)} – ${figures.format(end - 1)}`;
}

function blocksOf(series) {
  const list = element("div");
  for (const block of series.blocks.slice(0, SHOWN_BLOCKS)) {
    list.append(element("span", rangeText(block), "range"));
  }
  const more = series.blocks.length - SHOWN_BLOCKS;
  if (more > 0) list.append(element("span", `and ${more} more`, "range"));
  if (!series.blocks.length) list.append(element("span", "none"));
  return list;
}

// Seconds, or what says more to a person where they are many; null where nobody asks.
function lasting(seconds) {
  if (seconds === null) return "idle";
  if (seconds < 86400) return `${figures.format(Math.round(seconds))} s`;
  return `${figures.format(Math.round(seconds / 86400))} days`;
}

function nameOf({ name, successor, closed }) {
  return name + (closed ? " (closed)" : "") + (successor === null ? "" : `, then ${successor}`);
}

function seriesRow(series) {
  const row = element("tr");
  row.append(
    cell("Series", nameOf(series)),
    cell("Rate", `${rates.format(series.rate)}/s`, "figure"),
    cell("In memory", figures.format(series.serials), "figure"),
    cell("Lasts", lasting(series.reserve_seconds), "figure"),
    cell("Blocks", blocksOf(series)),
  );
  return row;
}

function leaseRow(lease) {
  const row = element("tr");
  const when = element("time", ago(lease.leased_at));
  when.dateTime = lease.leased_at;
  when.title = lease.leased_at;
  row.append(
    cell("Series", lease.series),
    cell("Serials", rangeText(lease)),
    cell("State", lease.state),
    cell("Instance", lease.instance, "long"),
    cell("Leased", when, "figure"),
  );
  return row;
}

// Put on the page only where it changed: a screen reader speaks of every change.
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function showRows(id, rows) {
  if (rows.length) byId(id).replaceChildren(...rows);
}

const DATABASE = { up: "the database answers", away: "the database is away", unknown: "the database has not been asked yet" };

export function showStatus({ status, body }) {
  const light = byId("light");
  if (status !== 200) {
    light.className = "light bad";
    say("ready", body.title ?? "No answer");
    say("reason", body.detail ? `· ${body.detail}` : "· what is shown below is old");
    return;
  }
  const calm = body.ready && body.database !== "away";
  light.className = `light ${calm ? "good" : body.ready ? "warn" : "bad"}`;
  say("ready", body.ready ? "Ready" : "Not ready");
  say("reason", `· ${body.reason ?? DATABASE[body.database]}`);
  say("instance", `Instance ${body.instance}`);
  say("version", `Version ${body.version}.`);
  showRows("series-rows", body.series.map(seriesRow));
  showRows("lease-rows", body.leases.map(leaseRow));
  say("leases-at", body.leases_at === null ? "The database has not been read yet." : `As the database had them ${ago(body.leases_at)}.`);
}

export async function watch() {
  if (!document.hidden) showStatus(await ask("/api/status"));
  setTimeout(watch, EVERY_MS);
}
