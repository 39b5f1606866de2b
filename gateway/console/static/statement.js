"use strict";

// While a statement is read and matched, its page asks for itself; the live region speaks only when the state changes.
const status = document.getElementById("etat");
const rest = document.getElementById("suite");

function wait(seconds) {
  if (seconds) setTimeout(look, seconds * 1000);
}

async function look() {
  const before = status.dataset.refreshS;
  let page;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    // The server is away for a moment; the next look tries again.
    wait(before);
    return;
  }
  const next = page.getElementById("etat");
  if (next === null) {
    // The login is over: what is shown instead is the form.
    location.reload();
    return;
  }
  document.title = page.title;
  if (next.dataset.state !== status.dataset.state) {
    status.className = next.className;
    status.dataset.state = next.dataset.state;
    status.replaceChildren(...next.childNodes);
  }
  rest.replaceChildren(...page.getElementById("suite").childNodes);
  status.dataset.refreshS = next.dataset.refreshS;
  wait(next.dataset.refreshS);
}

wait(status.dataset.refreshS);
