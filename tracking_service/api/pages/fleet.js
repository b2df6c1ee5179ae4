// Puts the operator's page together: asks while it is seen, and while the token may.

import { draw, keep } from "./chart.js";
import { ask, byId, keyIsUsed } from "./common.js";
import { showFleet } from "./instances.js";
import { watchKey } from "./key.js";
import "./metrics.js";
import "./nav.js";
import "./preview.js";
import { showStatus } from "./status.js";

const NOT_SHOWN = {
  403: "This token may not see the fleet: the scope operate shows it.",
  404: "This address does not show what the fleet holds: ask an instance at its own.",
};
const needed = document.documentElement.dataset.keys === "required";
let refused = 0;

// What is not for this caller is left out, with one line that says what shows it.
function judge(status) {
  refused = status === 401 || status in NOT_SHOWN ? status : 0;
  arrange();
}

function arrange() {
  const shown = !refused && (!needed || keyIsUsed());
  for (const section of document.querySelectorAll("[data-operate]")) section.hidden = !shown;
  byId("not-shown").hidden = !(refused in NOT_SHOWN);
  byId("not-shown").textContent = NOT_SHOWN[refused] ?? "";
}

function showHistory({ status, body }) {
  if (status === 200) {
    for (const { age, rate, serials } of body.samples) keep(Date.now() - 1000 * age, rate, serials);
  }
  draw();
}

const WATCHED = [
  ["/api/status", 2000, showStatus],
  ["/api/status/history", 10000, showHistory],
  ["/api/fleet", 5000, showFleet],
];

async function look(path, show) {
  const answer = await ask(path);
  judge(answer.status);
  if (!refused) show(answer);
}

async function lookAtAll() {
  arrange();
  if (needed && !keyIsUsed()) return;
  // The first one says whether the others are worth asking for.
  for (const [path, , show] of WATCHED) if (!refused) await look(path, show);
}

function watch([path, everyMs, show]) {
  setTimeout(async () => {
    const asks = !document.hidden && !refused && (!needed || keyIsUsed());
    if (asks) await look(path, show);
    watch([path, everyMs, show]);
  }, everyMs);
}

watchKey("/api/status");
document.addEventListener("token-changed", () => {
  refused = 0;
  lookAtAll();
});
lookAtAll();
WATCHED.forEach(watch);
