// Shows what a pattern's numbers look like, while one types it.

import { ask, byId, element, figures, tell } from "./common.js";

const PAUSE_MS = 250;
let timer;
let asked = 0;

function describe(body) {
  const examples = element("p");
  for (const number of body.examples) examples.append(element("code", number), " ");
  const odds = body.invented_per_real === null
    ? "The serial is in the clear: whoever has seen one number knows others."
    : `Of an invention, one in ${figures.format(Math.round(body.invented_per_real))} is real when a million are issued.`;
  return [
    examples,
    `${figures.format(body.numbers)} numbers of ${body.length} characters. ${odds}`,
    body.check_catches ? `The check character catches ${body.check_catches}.` : "There is no check character.",
    `Its barcode is ${body.barcode_mm} mm wide at the most.`,
  ];
}

async function show() {
  const pattern = byId("pattern").value;
  const mine = ++asked;
  if (!pattern) {
    byId("previewed").hidden = true;
    return;
  }
  const query = new URLSearchParams({ pattern, alphabet: byId("alphabet").value });
  const { status, body } = await ask(`/api/series-preview?${query}`);
  // An answer that was overtaken says nothing of what stands there now.
  if (mine !== asked) return;
  if (status === 200) tell(byId("previewed"), "good", "Such numbers", ...describe(body));
  else tell(byId("previewed"), "bad", "No such pattern", body.errors?.[0]?.message ?? body.detail ?? "The service did not answer.");
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(show, PAUSE_MS);
}

byId("pattern").addEventListener("input", later);
byId("alphabet").addEventListener("change", show);
byId("preview-form").addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
