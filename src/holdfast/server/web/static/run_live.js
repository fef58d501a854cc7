// What the pages of one run share: parts fetched from the server, a live run followed, and what went wrong, said.
import { localise } from "./app.js";

export const run = document.getElementById("run");
const head = document.getElementById("head");
const told = document.getElementById("told");

/** Tell the reader why the page no longer follows; nothing takes it back. */
function say(text, link) {
  told.textContent = text;
  if (link) {
    const again = document.createElement("a");
    again.href = "";
    again.textContent = link;
    told.append(" ", again);
  }
  told.hidden = !text;
}

/** A part of this run's page as HTML. What the server says to a reader who may not, or no longer, see it is said. */
export async function fetchPart(part, search, options = {}) {
  const answer = await fetch(`${run.dataset.path}/${part}${search}`, { headers: { Accept: "text/html" }, ...options });
  if (answer.redirected && new URL(answer.url).pathname.startsWith("/login")) {
    silence();
    say("Your session has ended: what you see is no longer kept up to date.", "Log in again");
  } else if (answer.status === 404) {
    silence();
    say("This run is not here any more: it has been deleted.");
  }
  if (!answer.ok || answer.redirected) throw new Error(`${part}: ${answer.status}`);
  return { html: await answer.text(), first: Number(answer.headers.get("X-First")), total: Number(answer.headers.get("X-Total")), at: answer.headers.get("X-At") };
}

/** The height of what stands above the panes. */
export function measure() {
  const top = document.querySelector(".top").offsetHeight;
  document.documentElement.style.setProperty("--head", `${head.offsetHeight + 1 + top - 46}px`);
}

/** Whether the reader is at work in a form of the head: then it stays as it is. */
function inUse() {
  if (head.querySelector("details[open]")) return true;
  return [...head.querySelectorAll(".ask textarea")].some((field) => field.value || field === document.activeElement);
}

// Browsers open only six connections to a server: pages that nobody looks at let go of theirs.
let source = null;
let stopped = false;

function silence() {
  stopped = true;
  source?.close();
  source = null;
}

/** Call `changed` (which may wait) after every change of a live run, with the head up to date; once more at its end. */
export function follow(changed) {
  let stamp = run.dataset.stamp;
  let wanted = stamp;
  let following = false;

  async function catchUp() {
    if (following) return;
    following = true;
    try {
      while (wanted !== stamp) {
        const now = wanted;
        const part = await fetchPart("head", `?view=${run.dataset.view}`);
        if (!inUse()) head.innerHTML = part.html;
        localise(head);
        measure();
        await changed();
        stamp = now;
        run.dataset.stamp = stamp;
      }
    } catch (error) {
      console.warn(`the run could not be followed: ${error.message}`);
    } finally {
      following = false;
    }
  }

  function listen() {
    if (source || stopped || document.hidden || run.dataset.live !== "yes") return;
    source = new EventSource(`${run.dataset.path}/live`);
    source.addEventListener("open", () => say(""));
    source.addEventListener("changed", (event) => {
      wanted = event.data;
      catchUp();
    });
    source.addEventListener("end", (event) => {
      silence();
      run.dataset.live = "no";
      wanted = event.data;
      catchUp();
    });
    source.addEventListener("error", () => {
      say("The server does not answer: the page goes on as soon as it does.");
      if (source?.readyState !== EventSource.CLOSED) return;
      source = null;
      fetchPart("head", `?view=${run.dataset.view}`).catch(() => {}); // refused: this tells, and says, what for
      setTimeout(listen, 5000); // the browser gives up, we do not
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) listen();
    else {
      source?.close();
      source = null;
    }
  });
  listen();
}
