// All series and all instances, as /api/fleet tells of them.

import { ago, figures } from "./common.js";
import { cell, lasting, lines, moment, nameOf, rates, rowOf, say, showRows, until } from "./tables.js";

// One that has not leased for so long idles, or is gone: the database cannot tell which.
const SILENT_MS = 3600000;

function seriesRow(series) {
  const rate = series.rate === null ? "not known" : `${rates.format(series.rate)}/s`;
  const lasts = series.lasts_seconds === null ? ["not known"] : [lasting(series.lasts_seconds), until(series.lasts_seconds)];
  return rowOf(
    cell("Series", nameOf(series)),
    cell("Remaining", figures.format(series.remaining), "figure"),
    cell("Rate", rate, "figure"),
    cell("Lasts", series.remaining ? lines(...lasts) : "none are left", "figure"),
    cell("Blocks handed back", figures.format(series.returned_blocks), "figure"),
  );
}

function isSilent({ this: isThis, ended, leased_at }) {
  return !isThis && !ended && Date.now() - Date.parse(leased_at) > SILENT_MS;
}

function stateOf(instance) {
  if (instance.this) return `this one, version ${instance.version}`;
  if (instance.ended) return "ended, all handed back";
  if (isSilent(instance)) return "silent: it idles, or is gone with its blocks";
  return "holds blocks";
}

const WORDS = { leased: "leased", spent: "spent", returned: "handed back", skipped: "left out" };

function blocksText(blocks) {
  const told = Object.entries(WORDS).filter(([state]) => blocks[state]);
  return told.map(([state, word]) => `${figures.format(blocks[state])} ${word}`).join(", ") || "none";
}

function instanceRow(instance) {
  const held = figures.format(instance.held_at_most);
  return rowOf(
    cell("Instance", instance.name, "long"),
    cell("State", stateOf(instance)),
    cell("Since", moment(instance.since), "figure"),
    cell("Last lease", moment(instance.leased_at), "figure"),
    cell("Blocks", blocksText(instance.blocks)),
    cell("Reserve", instance.exact || !instance.held_at_most ? held : `at most ${held}`, "figure"),
  );
}

function lostText(instances) {
  const silent = instances.filter(isSilent);
  const blocks = silent.reduce((total, { blocks }) => total + blocks.leased, 0);
  const serials = silent.reduce((total, { held_at_most }) => total + held_at_most, 0);
  if (!blocks) return "Perhaps lost: no block.";
  const told = `${figures.format(blocks)} ${blocks === 1 ? "block" : "blocks"}, at most ${figures.format(serials)} serials`;
  return `Perhaps lost: ${told}. No instance that holds them has leased for an hour: it idles, or is gone.`;
}

let last = null;

// Without an answer what is shown stays, with its age; the state above says what is wrong.
export function showFleet(answer) {
  if (answer.status === 200) last = answer.body;
  if (last !== null) show(last);
}

function show(body) {
  showRows("fleet-series-rows", body.series.map(seriesRow));
  showRows("instance-rows", body.instances.map(instanceRow));
  const age = body.read_at === null ? "The database has not been read yet." : `As the database had them ${ago(body.read_at)}.`;
  const away = body.database === "away" ? " It is away now." : "";
  say("fleet-at", age + away + (body.more_series ? " There are more: these leased last, then the first by name." : ""));
  const counted = body.since === null ? "" : ` Their last blocks, since ${ago(body.since)}: ${blocksText(body.blocks)}.`;
  say("perhaps-lost", lostText(body.instances));
  say("instances-at", age + away + counted + (body.more_instances ? " There are more: these leased last." : ""));
}
