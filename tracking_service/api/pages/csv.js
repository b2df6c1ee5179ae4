// CSV to download: https://www.rfc-editor.org/rfc/rfc4180

// A spreadsheet takes a field that begins so for a formula, unless an apostrophe stands before it.
// https://owasp.org/www-community/attacks/CSV_Injection
const FORMULA = /^[=+\-@\t\r\n]/;

function field(value) {
  const text = String(value ?? "");
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

export function download(name, head, rows) {
  // With a byte order mark, without which Excel reads UTF-8 as something else.
  const text = ["\ufeff", ...[head, ...rows].map((row) => `${row.map(field).join(",")}\r\n`)];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(text, { type: "text/csv;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
