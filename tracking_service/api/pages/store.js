// What this browser remembers, by name, in localStorage. Without storage the page works and forgets.

export function recall(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

// A list of which each element is good; a stranger's, or an older version's, is dropped.
export function recallList(name, isGood) {
  const found = recall(name, []);
  return Array.isArray(found) ? found.filter(isGood) : [];
}

export function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is off or full.
  }
}
