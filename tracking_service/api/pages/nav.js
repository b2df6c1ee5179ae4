// Offers a link to another page only if its address answers: a proxy may publish some and not others.

async function offer(link) {
  try {
    const answer = await fetch(link.href, { method: "HEAD" });
    link.hidden = !answer.ok;
  } catch {
    // It stays hidden: nothing answers.
  }
}

for (const link of document.querySelectorAll("nav a[hidden]")) offer(link);
