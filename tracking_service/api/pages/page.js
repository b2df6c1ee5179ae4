// Puts the clerk's page together.

import { showCurl } from "./ask.js";
import { watchKey } from "./key.js";

watchKey("/api/status");
document.addEventListener("token-changed", showCurl);
