// The series to choose from, as far as they are known, and what numbers of each look like.

import { ask, byId, element } from "./common.js";

let known = [];

export const lengths = () => new Set(known.length ? known.map((each) => each.length) : [16]);

function showFormat() {
  const chosen = known.find((each) => each.name === byId("series").value);
  const then = chosen?.successor ? `, then ${chosen.successor}` : "";
  const example = element("code", chosen?.example);
  if (chosen) example.title = `By the pattern ${chosen.pattern}`;
  byId("series-hint").replaceChildren(
    ...(chosen ? ["Looks like ", example, then] : ["A series by its name"]),
  );
}

// A field for a name gives way to a choice, where all that there is to choose is known.
export async function showSeries() {
  const { status, body } = await ask("/api/series");
  known = status === 200 ? body.series : known;
  const field = byId("series");
  const choice = element(status === 200 && body.complete && known.length ? "select" : "input");
  if (choice.tagName === field.tagName && choice.tagName === "INPUT") return showFormat();
  for (const { name, value } of field.attributes) {
    if (name === "id" || name === "name") choice.setAttribute(name, value);
  }
  choice.setAttribute("aria-describedby", "series-hint");
  if (choice.tagName === "SELECT") {
    choice.append(...known.map(({ name }) => element("option", name)));
    const names = known.map((each) => each.name);
    choice.value = names.includes(field.value) ? field.value : names.includes("default") ? "default" : names[0];
  } else {
    choice.value = field.value || "default";
  }
  field.replaceWith(choice);
  choice.addEventListener("input", showFormat);
  return showFormat();
}
