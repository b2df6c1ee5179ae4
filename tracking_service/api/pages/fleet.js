// Puts the operator's page together.

import { ask } from "./common.js";
import { watchKey } from "./key.js";
import "./preview.js";
import { showStatus, watch } from "./status.js";

watchKey("/api/status");
document.addEventListener("token-changed", async () => showStatus(await ask("/api/status")));
watch();
