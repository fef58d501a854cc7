// A run's story, and its events: the head follows a live run, and so do the steps where the reader is at their end.
import { localise } from "./app.js";
import { fetchPart, follow, measure } from "./run_live.js";

const story = document.getElementById("story");

async function more() {
  if (!story || document.getSelection()?.toString()) return;
  if (story.querySelector(".pager [rel=next]")) return; // an earlier part: nothing is new in it
  const end = innerHeight + scrollY >= document.documentElement.scrollHeight - 80;
  story.innerHTML = (await fetchPart("steps", location.search)).html;
  localise(story);
  if (end) scrollTo({ top: document.documentElement.scrollHeight });
}

measure();
follow(more);
