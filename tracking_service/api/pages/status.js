// What the instance holds, and the fleet's last leases, as /api/status tells them.

import { see } from "./chart.js";
import { ago, byId, figures } from "./common.js";
import { cell, lasting, lines, moment, nameOf, rangeText, rates, rowOf, say, showRows } from "./tables.js";

const SHOWN_BLOCKS = 3;

function blocksOf({ blocks }) {
  const more = blocks.length - SHOWN_BLOCKS;
  return lines(
    ...blocks.slice(0, SHOWN_BLOCKS).map(rangeText),
    more > 0 ? `and ${more} more` : blocks.length ? "" : "none",
  );
}

function seriesRow(series) {
  return rowOf(
    cell("Series", nameOf(series)),
    cell("Rate", `${rates.format(series.rate)}/s`, "figure"),
    cell("In memory", figures.format(series.serials), "figure"),
    cell("Lasts", lasting(series.reserve_seconds), "figure"),
    cell("Blocks", blocksOf(series)),
  );
}

function leaseRow(lease) {
  return rowOf(
    cell("Series", lease.series),
    cell("Serials", rangeText(lease)),
    cell("State", lease.state),
    cell("Instance", lease.instance, "long"),
    cell("Leased", moment(lease.leased_at), "figure"),
  );
}

const DATABASE = { up: "the database answers", away: "the database is away", unknown: "the database has not been asked yet" };

let leasesAt = null;

function sayLeasesAt() {
  say("leases-at", leasesAt === null ? "The database has not been read yet." : `As the database had them ${ago(leasesAt)}.`);
}

export function showStatus({ status, body }) {
  const light = byId("light");
  if (status !== 200) {
    light.className = "light bad";
    say("ready", body.title ?? "No answer");
    say("reason", body.detail ? `· ${body.detail}` : "· what is shown below is old");
    sayLeasesAt();
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
  leasesAt = body.leases_at;
  sayLeasesAt();
  const sum = (what) => body.series.reduce((total, series) => total + series[what], 0);
  see(body.instance, Date.now(), sum("rate"), sum("serials"));
}
