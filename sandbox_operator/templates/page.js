// Renews the lists alone, and never while somebody is using them; the page works as well without this.
"use strict";
const live = document.getElementById("live");
const EVERY_MS = 2000;
let shown = "";

function inUse() {
  return document.hidden || live.contains(document.activeElement) || live.querySelector("details[open]") !== null;
}

async function renew() {
  if (inUse()) return;
  try {
    const answer = await fetch("/live", { cache: "no-store" });
    const html = await answer.text();
    if (answer.ok && !inUse() && html !== shown) {
      live.innerHTML = html;
      shown = html;
    }
  } catch {
    // The operator is away; the next round asks again.
  }
}

setInterval(renew, EVERY_MS);
