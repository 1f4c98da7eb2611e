// Keeps a page live, and lets it be used by keyboard. Everything on it is there without this.
"use strict";

const one = (which, of = document) => of.querySelector(which);
const all = (which, of = document) => [...of.querySelectorAll(which)];

// --- Times: in the reader's zone, and how long ago or ahead ------------------------------

const UNITS = [[86400, "d"], [3600, "h"], [60, "m"]];
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const brief = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function span(seconds) {
  const [unit, word] = UNITS.find(([unit]) => seconds >= 2 * unit) ?? [1, "s"];
  return Math.floor(seconds / unit) + word;
}

const FORMS = {
  ago: (at) => span(Math.max(0, (Date.now() - at) / 1000)) + " ago",
  until: (at) => (at > Date.now() ? "in " + span(Math.ceil((at - Date.now()) / 1000)) : "now"),
  at: (at) => brief.format(at),
};

function tellTimes(of = document) {
  for (const time of all("time[data-form]", of)) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const text = FORMS[time.dataset.form](at);
    if (time.textContent !== text) time.textContent = text;
    const title = exact.format(at);
    if (time.title !== title) time.title = title;
  }
}

// --- What is otherwise is put in where it stands; all else stays, the focus too ----------

function attributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    const isOwn = name === "open" || name === "class";
    if (!fresh.hasAttribute(name) && !isOwn) old.removeAttribute(name);
  }
}

const isOf = (old, fresh) =>
  old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && (old.id ?? "") === (fresh.id ?? "");

function children(old, fresh) {
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const known = next.id ? named.get(next.id) : at && isOf(at, next) ? at : null;
    if (!known) {
      old.insertBefore(next, at);
      if (next.matches?.("[data-row]")) next.classList.add("changed");
      continue;
    }
    if (known === at) at = at.nextSibling;
    else old.insertBefore(known, at);
    put(known, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function put(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  // Nobody's typing is overwritten.
  if (old.matches("form") && old.contains(document.activeElement)) return;
  if (old.matches("[data-row]") && old.textContent !== fresh.textContent) {
    fresh.classList.add("changed");
    setTimeout(() => old.classList.remove("changed"), 2000);
  }
  attributes(old, fresh);
  children(old, fresh);
}

// --- The page again, as it is now ---------------------------------------------------------

let asked = 0;

async function again(address = location.href) {
  const turn = ++asked;
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // A later question has been answered meanwhile, or is about to be.
  if (turn !== asked || !one("main", page)) return;
  tellTimes(page);
  const focus = document.activeElement?.closest("[id]")?.id;
  const inside = document.activeElement?.getAttribute("href");
  const before = one("#counts")?.innerText;
  // What cannot be asked just now stays as it was; since when nothing is heard stands above.
  const isAway = answer.status === 503;
  for (const id of isAway ? ["beside"] : ["beside", "main"]) put(one("#" + id), one("#" + id, page));
  if (isAway) setTimeout(changed, 5000);
  else document.title = page.title;
  if (focus && !document.activeElement?.closest("#" + CSS.escape(focus))) {
    const back = document.getElementById(focus);
    (all("a", back ?? undefined).find((a) => inside && a.getAttribute("href") === inside) ?? back)?.focus();
  }
  const counts = one("#counts");
  if (counts && before !== counts.innerText) say(counts.innerText.replace(/\s+/g, " "));
}

function say(text) {
  one("#said").textContent = text;
}

let due = false;
let drawn = Date.now();

async function changed() {
  if (due) return;
  due = true;
  // Several changes at once are one page; one that asks for much is drawn less often.
  const pace = Number(document.body.dataset.live);
  await new Promise((go) => setTimeout(go, Math.max(50, drawn + pace - Date.now())));
  due = false;
  drawn = Date.now();
  await again().catch(() => {});
}

let source = null;

/** A page that nobody sees does not listen, so that one that is forgotten lets go. */
function listen() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    source = new EventSource("/live?at=" + encodeURIComponent(location.pathname + location.search));
    source.addEventListener("changed", changed);
    source.addEventListener("open", () => one("#ended")?.remove());
    source.addEventListener("error", ended);
  }
}

const GONE = "tidings dashboard does not answer any more; start it again. What follows is what it showed last.";
const OTHER = "tidings dashboard was started again: open the address that it printed then.";

async function ended() {
  // A pause, or a server that is gone, or one that has another token now.
  const status = await fetch("/icon.svg", { cache: "no-store" }).then((answer) => answer.status, () => 0);
  if (source?.readyState === EventSource.CLOSED) {
    source = null;
    setTimeout(listen, 5000);
  }
  if (status === 200) return;
  alarm("ended", status === 403 ? OTHER : GONE);
}

/** Above the page, until it is removed. */
function alarm(id, text) {
  one("#" + id)?.remove();
  const said = document.createElement("p");
  said.id = id;
  said.className = "notice bad";
  said.setAttribute("role", "alert");
  said.textContent = text;
  one("#beside").after(said);
}

// --- Filters by typing ---------------------------------------------------------------------

let typing;

function filter(form) {
  const fields = [...new FormData(form)].filter(([, value]) => value !== "");
  const query = new URLSearchParams(fields).toString();
  const address = form.getAttribute("action") + (query && "?" + query);
  history.replaceState(null, "", address);
  again(address).catch(() => {});
  // What is listened for follows the address.
  source?.close();
  source = null;
  listen();
}

addEventListener("input", (event) => {
  const form = event.target.closest("form.filters");
  if (!form) return;
  clearTimeout(typing);
  typing = setTimeout(() => filter(form), event.target.matches("select") ? 0 : 120);
});

// --- A manifest that is dropped -------------------------------------------------------------

addEventListener("dragover", (event) => {
  const place = one("[data-drop]");
  if (!place) return;
  event.preventDefault();
  place.classList.add("over");
});

addEventListener("drop", async (event) => {
  const place = one("[data-drop]");
  if (!place) return;
  place.classList.remove("over");
  const files = [...event.dataTransfer.files];
  // Text that is dragged is the browser's to put in.
  if (!files.length) return;
  event.preventDefault();
  const most = Number(place.dataset.drop);
  if (files.reduce((sum, file) => sum + file.size, 0) > most) {
    alarm("dropped", "These files are more than may be read at once: ask `tidings impact -f` about them.");
    return;
  }
  one("#dropped")?.remove();
  const texts = await Promise.all(files.map((file) => file.text()));
  // What was there before stays.
  place.value = [place.value, ...texts].filter((text) => text.trim()).join("\n---\n");
});

// --- Keys -----------------------------------------------------------------------------------

let went = false;

function step(by) {
  const rows = all("[data-row] .to");
  const now = rows.indexOf(document.activeElement);
  const next = rows[now < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, now + by))];
  next?.focus();
  next?.closest("[data-row]").scrollIntoView({ block: "nearest" });
}

const KEYS = {
  "/": () => one("[data-filter]")?.focus(),
  "?": () => one("#keys").showModal(),
  j: () => step(1),
  k: () => step(-1),
  g: () => {
    went = true;
    setTimeout(() => (went = false), 1500);
  },
};

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, select, textarea, dialog[open]");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping) {
    if (event.key === "Escape" && event.target.matches("input")) event.target.blur();
    return;
  }
  const place = went && one(`[data-go="${CSS.escape(event.key)}"]`);
  went = false;
  if (place) {
    event.preventDefault();
    place.click();
  } else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

// --- Begin ----------------------------------------------------------------------------------

tellTimes();
setInterval(() => document.hidden || tellTimes(), 1000);
for (const hint of all(".keys")) hint.hidden = false;
if (document.body.dataset.live !== undefined) {
  listen();
  addEventListener("visibilitychange", () => {
    listen();
    if (!document.hidden) changed();
  });
}
