"use strict";

// A basic phone: it speaks to the same address, in the same form, as the aggregator does.
const address = document.body.dataset.address;
const serviceCode = document.body.dataset.serviceCode;
const part = (id) => document.getElementById(id);
const screen = part("screen");
const typed = part("typed");
const IDLE = `Composez ${serviceCode}\npuis appelez.`;
const REFRESH_MS = 2000;

let session = null;
let busy = false;

function show(text, { line, label, button }) {
  screen.textContent = text;
  screen.scrollTop = 0;
  part("line").textContent = line;
  part("typed-label").textContent = label;
  part("call").textContent = button;
  typed.value = "";
  typed.placeholder = session ? "" : serviceCode;
}

function rest(text) {
  session = null;
  show(text, { line: "Prêt", label: "Composez", button: "Appeler" });
}

function newSessionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `phone-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// "*123*1*3#" dials the service "*123#" with the tail "1*3"; null is some other code.
function tailOf(code) {
  const stem = serviceCode.replace(/#$/, "");
  if (code === serviceCode) return "";
  return code.startsWith(`${stem}*`) && code.endsWith("#") ? code.slice(stem.length + 1, -1) : null;
}

function post(path, fields) {
  return fetch(address + path, { method: "POST", body: new URLSearchParams(fields) });
}

async function exchange() {
  const asking = session;
  const answer = await post("", {
    sessionId: session.id,
    phoneNumber: session.msisdn,
    networkCode: "99999",
    serviceCode,
    text: session.transcript,
  });
  const text = await answer.text();
  // Hung up meanwhile: nobody reads this answer.
  if (session !== asking) return;
  const words = text.slice(4);
  if (text.startsWith("CON ")) {
    show(words, { line: "En session", label: "Votre réponse", button: "Envoyer" });
  } else if (text.startsWith("END ")) {
    await end("Success");
    rest(words);
    part("line").textContent = "Session terminée";
  } else {
    rest(`Problème de connexion (${answer.status}).`);
  }
}

async function end(status) {
  const ended = session;
  session = null;
  if (!ended) return;
  try {
    await post("/end", { sessionId: ended.id, phoneNumber: ended.msisdn, status });
  } catch {
    // The notification is a courtesy; without it the session expires by itself.
  }
}

async function send() {
  if (busy) return;
  const text = session ? typed.value : typed.value || serviceCode;
  if (session) {
    session.transcript = session.started ? `${session.transcript}*${text}` : text;
    session.started = true;
  } else {
    const tail = tailOf(text.trim());
    if (tail === null) {
      rest(`Code inconnu.\n${IDLE}`);
      return;
    }
    session = { id: newSessionId(), msisdn: part("msisdn").value.trim(), transcript: tail, started: tail !== "" };
  }
  busy = true;
  part("line").textContent = "…";
  try {
    await exchange();
  } catch {
    rest("Pas de réseau: la passerelle ne répond pas.");
  } finally {
    busy = false;
  }
  await refreshInbox();
}

async function hangUp() {
  await end("Incomplete");
  rest(IDLE);
}

function message(sms) {
  const item = document.createElement("li");
  const at = document.createElement("time");
  at.dateTime = sms.sent_at;
  at.textContent = new Date(sms.sent_at).toLocaleString("fr-FR", { timeZone: "UTC" });
  item.append(at, sms.body);
  return item;
}

// The time of the service, which `ramu clock` moves; Mali is on UTC all year.
function showClock(now) {
  part("clock").dateTime = now;
  part("clock").textContent = new Date(now).toLocaleString("fr-FR", {
    timeZone: "UTC", day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit",
  });
}

// What was there when the number was chosen is not read out; afterwards each new SMS is, once.
let shown = { msisdn: null, keys: new Set() };

function readOut(msisdn, messages) {
  const keyOf = (sms) => `${sms.sent_at} ${sms.body}`;
  const fresh = shown.msisdn === msisdn ? messages.filter((sms) => !shown.keys.has(keyOf(sms))) : [];
  shown = { msisdn, keys: new Set(messages.map(keyOf)) };
  if (fresh.length) part("news").textContent = fresh.map((sms) => `Nouveau SMS : ${sms.body}`).join(" ");
}

async function refreshInbox() {
  const msisdn = part("msisdn").value.trim();
  try {
    const answer = await fetch(`/phone/inbox?${new URLSearchParams({ msisdn })}`);
    if (!answer.ok || msisdn !== part("msisdn").value.trim()) return;
    const { messages, now } = await answer.json();
    if (now) showClock(now);
    readOut(msisdn, messages);
    const fresh = JSON.stringify(messages);
    if (part("inbox").dataset.shown === fresh) return;
    part("inbox").dataset.shown = fresh;
    part("inbox").replaceChildren(...messages.map(message));
    part("unread-count").textContent = messages.length;
    part("empty").hidden = messages.length > 0;
  } catch {
    // The next refresh tries again.
  }
}

part("answer-form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
function type(key) {
  typed.value = (typed.value + key).slice(0, typed.maxLength);
}

function erase() {
  typed.value = typed.value.slice(0, -1);
}

part("keys").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) type(button.dataset.key);
});
part("erase").addEventListener("click", erase);
// Digits are the telephone's wherever the focus is, but in a field of its own; so is Enter, but on what it would press.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select")) return;
  if (/^[0-9*#+]$/.test(event.key)) type(event.key);
  else if (event.key === "Backspace") erase();
  else if (event.key === "Enter" && !event.target.closest("a, button")) send();
  else return;
  event.preventDefault();
});
part("hang-up").addEventListener("click", hangUp);
part("msisdn").addEventListener("change", () => {
  hangUp();
  refreshInbox();
});

// What says that this script is needed stands there until it runs.
part("no-script").hidden = true;
rest(IDLE);
refreshInbox();
setInterval(() => {
  if (!document.hidden) refreshInbox();
}, REFRESH_MS);
