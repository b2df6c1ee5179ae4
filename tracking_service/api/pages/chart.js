// Draws what the instance held in the last hour: what it kept itself, and what this page has seen.

import { byId, figures } from "./common.js";

const HOUR_MS = 3600000;
// The line of an instance that has just begun is drawn over this time, until it has a longer one.
const SHORTEST_MS = 300000;
const SLOT_MS = 10000;
// Where no sample came for so long, the line is broken.
const GAP_MS = 4.5 * SLOT_MS;
const WIDTH = 360;
const HEIGHT = 100;
const rates = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

// By the ten seconds that a sample lies in, so that one that comes twice is kept once.
const samples = new Map();
let place = "";

// `instance` is the name of the one that answered. One of another place has an hour of its own; one
// that was started anew goes on with that of its forerunner.
export function see(instance, moment, rate, serials) {
  const [from] = instance.split(":");
  if (from !== place) samples.clear();
  place = from;
  keep(moment, rate, serials);
}

export function keep(moment, rate, serials) {
  samples.set(Math.round(moment / SLOT_MS), { moment, rate, serials });
}

function line(points, most) {
  let path = "";
  let last = -Infinity;
  for (const { moment, x, value } of points) {
    const y = HEIGHT - (HEIGHT - 2) * value / most - 1;
    const at = `${x.toFixed(1)} ${y.toFixed(1)}`;
    // A sample that stands alone is a line of no length, which has round ends.
    path += moment - last > GAP_MS ? `M${at}h0` : `L${at}`;
    last = moment;
  }
  return path;
}

function drawOne(name, told, now, span, what, unit, form) {
  const points = told.map((sample) => ({
    moment: sample.moment,
    x: WIDTH * (1 - (now - sample.moment) / span),
    value: sample[what],
  }));
  const values = points.map(({ value }) => value);
  const most = Math.max(...values, 0);
  byId(`${name}-line`).setAttribute("d", line(points, most || 1));
  byId(`${name}-most`).textContent = values.length ? form.format(most) : "";
  byId(`${name}-now`).textContent = values.length ? `${form.format(values.at(-1))}${unit}` : "not known yet";
  byId(`${name}-chart`).setAttribute("aria-label", values.length
    ? `Over ${spanText(span)}: at least ${form.format(Math.min(...values))} and at most ${form.format(most)}${unit}`
    : "Nothing is known yet");
}

function spanText(span) {
  return span === HOUR_MS ? "1 h" : `${Math.round(span / 60000)} min`;
}

export function draw() {
  const now = Date.now();
  for (const [slot, { moment }] of samples) if (moment < now - HOUR_MS) samples.delete(slot);
  const told = [...samples.values()].sort((one, other) => one.moment - other.moment);
  const oldest = told.length ? now - told[0].moment : 0;
  // By whole minutes, so that the scale stands still between them.
  const span = Math.min(HOUR_MS, Math.max(SHORTEST_MS, Math.ceil(oldest / 60000) * 60000));
  drawOne("rate", told, now, span, "rate", "/s", rates);
  drawOne("reserve", told, now, span, "serials", " serials", figures);
  byId("hour-begin").textContent = `${spanText(span)} ago`;
}
