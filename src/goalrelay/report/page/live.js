// Fetches the page again every few seconds and replaces its content; what was switched, opened or
// is being played stays. A server that has gone is waited for.
const SECONDS = 5;

async function refresh() {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.ok) {
      replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      document.body.classList.remove("stale");
    }
  } catch {
    document.body.classList.add("stale");
  }
  setTimeout(refresh, SECONDS * 1000);
}

function replace(next) {
  const old = document.getElementById("content");
  const content = next.getElementById("content");
  if (!content || old.innerHTML === content.innerHTML) return;
  for (const input of old.querySelectorAll("input:checked")) {
    const same = content.querySelector("#" + CSS.escape(input.id));
    if (same) same.checked = true;
  }
  for (const part of old.querySelectorAll("details[id]")) {
    const same = content.querySelector("#" + CSS.escape(part.id));
    if (same) same.open = part.open;
  }
  for (const video of old.querySelectorAll("video")) {
    const same = [...content.querySelectorAll("video")].find((v) => v.getAttribute("src") === video.getAttribute("src"));
    if (same && !video.paused) same.replaceWith(video);
  }
  old.replaceWith(content);
}

setTimeout(refresh, SECONDS * 1000);
