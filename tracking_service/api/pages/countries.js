// Countries: the codes that the service takes, with the browser's names for them.

import { byId, element } from "./common.js";

const codes = document.documentElement.dataset.countries.split(" ");
const display = new Intl.DisplayNames(["en"], { type: "region" });
const names = new Map(codes.map((code) => [code, display.of(code)]));
const folded = new Map([...names].map(([code, name]) => [code, fold(name)]));
const SHOWN = 3;

// Without accents and case: Cote d'Ivoire is found without its hat.
function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").replaceAll("’", "'").trim().toLowerCase();
}

export function nameOf(code) {
  return names.get(code) ?? code;
}

// The codes that a text may mean: of its code or its whole name alone, else of each like name.
function meant(text) {
  const typed = fold(text);
  const code = typed.toUpperCase();
  if (names.has(code)) return [code];
  const all = [...folded];
  const exact = all.filter(([, name]) => name === typed);
  if (exact.length || typed.length < 3) return exact.map(([found]) => found);
  const begun = all.filter(([, name]) => name.startsWith(typed));
  const like = begun.length ? begun : all.filter(([, name]) => name.includes(typed));
  return like.map(([found]) => found);
}

function hintOf(text) {
  if (!text.trim()) return "Code or name of a country";
  const found = meant(text);
  if (!found.length) return text.trim().length < 3 ? "Code or name of a country" : "No country of this name";
  const some = found.slice(0, SHOWN).map((code) => `${nameOf(code)} (${code})`).join(", ");
  return found.length > SHOWN ? `${some} …` : some;
}

// Puts the code where a name was typed that is one country's; what is sent is always a code.
export function settle(input) {
  const found = meant(input.value);
  input.value = found.length === 1 ? found[0] : input.value.trim();
  byId(`${input.id}-hint`).textContent = hintOf(input.value);
}

export function watchCountries(inputs) {
  const options = [...names].sort((one, other) => one[1].localeCompare(other[1]));
  byId("countries").replaceChildren(...options.map(([code, name]) => {
    const option = element("option", name);
    option.value = code;
    return option;
  }));
  for (const input of inputs) {
    input.addEventListener("input", () => {
      byId(`${input.id}-hint`).textContent = hintOf(input.value);
    });
    input.addEventListener("change", () => settle(input));
  }
}
