// Many numbers at once, as they arrive; asked again with the same key, they are the same numbers.

import { ROOT, keyHeaders, refuseKey } from "./common.js";

const PATH = "/api/tracking-numbers/";
// How long an answer may say nothing, in milliseconds: longer than the service waits for a lease.
const SILENCE_MS = 75000;
const PAUSES_MS = [500, 1500, 4000];

// No answer of the service's, which is 201 or an error: of what became of the request nothing is known.
export const isLost = (status) => status === 0 || status === 502 || status === 504
  || (status >= 200 && status < 400 && status !== 201);

export function makeKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function readLines(answer, told, alive) {
  const numbers = [];
  let moment = "";
  let rest = "";
  const take = (line) => {
    const [number, at] = line.split(",");
    numbers.push(number);
    moment = at;
  };
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let head = true;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    alive();
    const lines = (rest + value).split("\r\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!head) take(line);
      head = false;
    }
    told(numbers.length);
  }
  return { numbers, moment };
}

async function once(body, key, told) {
  const control = new AbortController();
  let timer;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => control.abort(), SILENCE_MS);
  };
  alive();
  try {
    const answer = await fetch(ROOT + PATH, {
      method: "POST",
      cache: "no-store",
      headers: {
        ...keyHeaders(),
        ...(key ? { "Idempotency-Key": key } : {}),
        "Content-Type": "application/json",
        Accept: "text/csv, application/problem+json;q=0.5",
      },
      body: JSON.stringify(body),
      signal: control.signal,
    });
    if (answer.status !== 201) {
      const problem = await answer.json().catch(() => ({}));
      if (answer.status === 401) refuseKey(problem);
      return { status: answer.status, body: problem };
    }
    const { numbers, moment } = await readLines(answer, told, alive);
    // An instance that was killed amid it has sent a part: no answer.
    if (numbers.length !== body.count) return { status: 0, body: {} };
    return { status: 201, body: {}, numbers, moment };
  } catch {
    return { status: 0, body: {} };
  } finally {
    clearTimeout(timer);
  }
}

// `told(n)` is called as numbers arrive, `broken()` before it is asked again. Without a key it is
// asked once: a second time would give other numbers.
export async function askMany(body, key, told, broken) {
  let answer = await once(body, key, told);
  for (const pause of key ? PAUSES_MS : []) {
    if (!isLost(answer.status)) break;
    broken();
    await new Promise((resolve) => {
      setTimeout(resolve, pause);
    });
    answer = await once(body, key, told);
  }
  return answer;
}
