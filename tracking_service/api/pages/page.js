// Puts the page together.

import { showCurl } from "./ask.js";
import { ask } from "./common.js";
import { watchKey } from "./key.js";
import "./preview.js";
import { showStatus, watch } from "./status.js";

watchKey("/api/status");
document.addEventListener("token-changed", async () => {
  showCurl();
  showStatus(await ask("/api/status"));
});
watch();
