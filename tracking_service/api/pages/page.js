// Puts the clerk's page together.

import { lookAround } from "./access.js";
import { watchAsking } from "./ask.js";
import { watchChecking } from "./checklist.js";
import { showCurl, watchForm } from "./form.js";
import { watchHistory } from "./history.js";
import { watchKey } from "./key.js";
import { watchLabels } from "./labels.js";
import "./nav.js";
import { showSeries } from "./series.js";

function look() {
  showCurl();
  return Promise.all([lookAround(), showSeries().then(showCurl)]);
}

watchForm();
watchAsking();
watchChecking();
watchHistory();
watchLabels();
watchKey("/api/series");
document.addEventListener("token-changed", look);
look();
