// What the parts of the page share. What comes from outside is put on the page as text, never as HTML.

export const ROOT = document.documentElement.dataset.root;
const REQUEST_MS = 10000;

export const byId = (id) => document.getElementById(id);
export const figures = new Intl.NumberFormat("en-GB");

export function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// The token is kept for the tab, under this name, for all pages; without storage, for the page.
const TOKEN = "token";
let token = "";
try {
  token = sessionStorage.getItem(TOKEN) ?? "";
} catch {
  // Storage is off.
}

export function keyIsUsed() {
  return token !== "";
}

export function useKey(text) {
  token = text;
  try {
    if (text) sessionStorage.setItem(TOKEN, text);
    else sessionStorage.removeItem(TOKEN);
  } catch {
    // Storage is off.
  }
}

export function keyHeaders() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

// Lets key.js ask for a token, or say what is wrong with the one that was sent.
export function refuseKey(body) {
  document.dispatchEvent(new CustomEvent("token-refused", { detail: body.detail ?? "" }));
}

// An answer of the API: its status, 0 where there was none, and its body.
export async function ask(path) {
  try {
    const answer = await fetch(ROOT + path, {
      cache: "no-store",
      headers: keyHeaders(),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const body = (await answer.json().catch(() => null)) ?? {};
    if (answer.status === 401) refuseKey(body);
    return { status: answer.status, body };
  } catch {
    return { status: 0, body: {} };
  }
}

// A picture of the API's: its address for this page alone, null where there was none, and the status.
export async function picture(path) {
  try {
    const answer = await fetch(ROOT + path, {
      headers: keyHeaders(),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    const address = answer.ok ? URL.createObjectURL(await answer.blob()) : null;
    return { address, status: answer.status };
  } catch {
    return { address: null, status: 0 };
  }
}

// A cell of a table, whose label stands beside it on a phone.
export function cell(label, content, className) {
  const made = element("td", undefined, className);
  made.dataset.label = label;
  made.append(typeof content === "string" ? element("span", content) : content);
  return made;
}

export function tell(where, kind, title, ...lines) {
  where.className = `answer ${kind}`;
  where.replaceChildren(element("strong", title));
  for (const line of lines) {
    if (line) where.append(typeof line === "string" ? element("p", line) : line);
  }
  where.hidden = false;
}

// Over plain http a browser has no clipboard for scripts, but copies what is selected.
function copySelected(text) {
  const before = document.activeElement;
  const area = element("textarea", undefined, "unseen");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}

export async function copy(text, button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = copySelected(text);
  }
  const before = button.firstChild.nodeValue;
  button.firstChild.nodeValue = done ? "Copied" : "Not copied";
  button.setAttribute("aria-disabled", "true");
  setTimeout(() => {
    // Unless what there is to copy has changed meanwhile.
    if (/^(Not c|C)opied$/.test(button.firstChild.nodeValue)) button.firstChild.nodeValue = before;
    button.removeAttribute("aria-disabled");
  }, 1500);
}

// One request at a time: a second click must not spend a second number. Nor must the second half of
// a double click, which may come after the answer: work that returns true keeps the lock for a while.
const REST_MS = 700;

export async function once(form, work) {
  const button = form.querySelector("button[type=submit]");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    if (await work() === true) {
      await new Promise((resolve) => {
        setTimeout(resolve, REST_MS);
      });
    }
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// A moment of RFC 3339 in the reader's own time: 28 November 2026, 00:29; the exact one as title.
export function timeOf(moment) {
  const date = new Date(moment);
  const made = element("time", moment);
  made.dateTime = made.title = moment;
  if (Number.isNaN(date.getTime())) return made;
  const day = date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  made.textContent = `${day}, ${date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
  return made;
}

export function ago(moment) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(moment)) / 1000));
  if (seconds < 2) return "just now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}
