// Countries: the codes that the service takes, with the browser's names for them.

import { byId, element } from "./common.js";

const codes = document.documentElement.dataset.countries.split(" ");
const display = new Intl.DisplayNames(["en"], { type: "region" });
const names = new Map(codes.map((code) => [code, display.of(code)]));
// Names that people use and the browser does not.
const ALIASES = {
  "uk": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB",
  "usa": "US", "united states of america": "US", "america": "US", "uae": "AE", "emirates": "AE", "ksa": "SA",
  "holland": "NL", "the netherlands": "NL", "turkey": "TR", "turkiye": "TR", "czech republic": "CZ", "czechia": "CZ",
  "ivory coast": "CI", "south korea": "KR", "republic of korea": "KR", "north korea": "KP",
  "russia": "RU", "russian federation": "RU", "vietnam": "VN", "viet nam": "VN", "burma": "MM", "swaziland": "SZ",
  "macedonia": "MK", "cape verde": "CV", "east timor": "TL", "laos": "LA", "syria": "SY", "iran": "IR", "moldova": "MD",
  "bolivia": "BO", "tanzania": "TZ", "brunei": "BN", "the gambia": "GM", "the philippines": "PH", "the bahamas": "BS",
  "hong kong": "HK", "macau": "MO", "macao": "MO", "vatican": "VA", "prc": "CN", "drc": "CD",
};
// Each folded name with its code.
const folded = [...[...names].map(([code, name]) => [fold(name), code]), ...Object.entries(ALIASES)];
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
  const codesOf = (isMeant) => [...new Set(folded.filter(([name]) => isMeant(name)).map(([, found]) => found))];
  const exact = codesOf((name) => name === typed);
  if (exact.length || typed.length < 3) return exact;
  const begun = codesOf((name) => name.startsWith(typed));
  return begun.length ? begun : codesOf((name) => name.includes(typed));
}

// `isWhole` once all is typed: until then two letters may become a name.
function hintOf(text, isWhole = false) {
  if (!text.trim()) return "Code or name of a country";
  const found = meant(text);
  if (!found.length) return text.trim().length < 3 && !isWhole ? "Code or name of a country" : "No such country";
  const some = found.slice(0, SHOWN).map((code) => `${nameOf(code)} (${code})`).join(", ");
  return found.length > SHOWN ? `${some} …` : some;
}

// Puts the code where a name was typed that is one country's; what is sent is always a code.
export function settle(input) {
  const found = meant(input.value);
  input.value = found.length === 1 ? found[0] : input.value.trim();
  byId(`${input.id}-hint`).textContent = hintOf(input.value, true);
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
