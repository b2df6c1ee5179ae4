// Puts the page together, and takes a key where one is needed.

import { showCurl } from "./ask.js";
import { ask, byId, useKey } from "./common.js";
import "./preview.js";
import { showStatus, watch } from "./status.js";

byId("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  useKey(byId("token").value.trim());
  showCurl();
  const answer = await ask("/api/status");
  byId("key").hidden = answer.status !== 401;
  showStatus(answer);
  (answer.status === 401 ? byId("token") : byId("ask")).focus();
});

watch();
