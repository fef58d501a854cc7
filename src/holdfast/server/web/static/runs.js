// The run list: says quietly when newer runs have come. Nothing moves until the reader asks for them.
const line = document.querySelector("[data-news]");
const EVERY = 8000;
const MOST = 100;

async function look() {
  if (document.hidden) return;
  let count;
  try {
    const answer = await fetch(line.dataset.news, { headers: { Accept: "application/json" }, redirect: "error" });
    if (!answer.ok) return;
    count = (await answer.json()).new;
  } catch {
    return; // the server is away, or the session has ended: the page stays as it is
  }
  if (!count) return;
  const link = document.createElement("a");
  link.href = line.dataset.top;
  link.textContent = count >= MOST ? `${MOST} or more new runs` : count === 1 ? "1 new run" : `${count} new runs`;
  line.replaceChildren(link);
}

if (line?.dataset.news) {
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
}
