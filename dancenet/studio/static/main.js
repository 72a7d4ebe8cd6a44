// The page: which dancer, which session, tabs, keys, stage mode. Everything else is a part of its own.

import { Connection } from "./connection.js";
import { startDesk } from "./desk.js";
import { startHistory } from "./history.js";
import { startExports } from "./exports.js";
import { startMap } from "./map.js";
import { $, make, toast, trouble } from "./page.js";
import { startScore } from "./score.js";
import { startStage } from "./stage.js";

const asked = new URLSearchParams(location.search);
const session = asked.get("session") ?? "main";
const studio = new Connection(asked.get("run") ?? "", session);
globalThis.dancenet = studio; // for the console, and for tests

const score = startScore(studio);
startExports(studio, score);
const parts = { desk: startDesk(studio), stage: startStage(studio), history: startHistory(studio) };
startMap(studio, parts.desk);

// which dancer, which session
function move(changes) {
  const query = new URLSearchParams(location.search);
  query.delete("token");
  for (const [name, value] of Object.entries(changes)) query.set(name, value);
  location.search = query;
}
$("run").addEventListener("change", () => move({ run: $("run").value }));
$("session").value = session === "main" ? "main" : "own";
$("session").addEventListener("change", () =>
  move({ session: $("session").value === "main" ? "main" : `own-${Math.random().toString(36).slice(2, 10)}` }));
studio.on("welcome", async ({ run }) => {
  const { runs } = await (await fetch("api/runs")).json();
  $("run").replaceChildren(...runs.map((name) => make("option", { value: name, selected: name === run }, name)));
  document.title = `${run} · dancenet studio`;
});

// how it goes
function status(text, good) {
  if ($("status").textContent !== text) $("status").textContent = text;
  $("status").className = good ? "good" : "bad";
}
studio.on("welcome", () => status("live", true));
studio.on("lost", ({ reason }) => status(reason || "the studio does not answer; trying again …", false));
studio.on("pulse", ({ slow, clients }) => status(slow || (clients > 1 ? `live · ${clients} windows` : "live"), !slow));
studio.on("trouble", (text) => toast(text, true));

const jobs = new Map();
studio.on("progress", ({ job, what, share, left_s, done, result }) => {
  if (done) {
    jobs.get(job)?.remove();
    jobs.delete(job);
    return;
  }
  if (!jobs.has(job)) {
    jobs.set(job, make("div", { class: result?.export ? "job export" : "job" },
      make("span"), make("progress", { max: 1, "aria-label": what }),
      make("button", { type: "button", onclick: () => studio.ask("cancel", { job }).catch(trouble), "aria-label": `Stop ${what}` }, "Stop")));
    $("jobs").append(jobs.get(job));
  }
  const [text, bar] = jobs.get(job).children;
  text.textContent = what + (left_s > 1 ? ` · ${Math.ceil(left_s)} s left` : "");
  if (share) bar.value = share;
});
studio.on("lost", () => { for (const job of jobs.values()) job.remove(); jobs.clear(); });

// tabs
const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab, focus = false) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", other === tab);
    other.tabIndex = other === tab ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = other !== tab;
  }
  if (focus) tab.focus();
  studio.tell("tab", tab.getAttribute("aria-controls"));
}
for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (step) choose(tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length], true);
  });
}

// stage mode
let still = null;
function stageMode(on = !document.body.classList.contains("stage-mode")) {
  document.body.classList.toggle("stage-mode", on);
  stir();
  if (on) {
    document.documentElement.requestFullscreen?.().catch(() => {});
    navigator.wakeLock?.request("screen").catch(() => {});
  } else if (document.fullscreenElement) document.exitFullscreen();
}
$("stage-mode").addEventListener("click", () => stageMode(true));
$("dancer").addEventListener("dblclick", () => stageMode());
document.addEventListener("fullscreenchange", () => document.fullscreenElement || stageMode(false));
$("stage-leave").addEventListener("click", () => stageMode(false));
// the way back is shown to whoever moves the mouse or touches the screen, and not to the audience
function stir() {
  document.body.classList.remove("still");
  clearTimeout(still);
  still = setTimeout(() => document.body.classList.add("still"), 2000);
}
for (const what of ["pointermove", "pointerdown"]) document.addEventListener(what, stir);

// keys
const KEYS = {
  " ": ["Space", "pause, go on", parts.stage.pause],
  s: ["S", "snapshot of the pose", parts.stage.snapshot],
  k: ["K", "keep what is marked, or the last 8 s, as a phrase", parts.history.keep],
  r: ["R", "another dance", parts.stage.restart],
  f: ["F", "stage mode, and back", () => stageMode()],
  ",": [",", "look back by half a second", () => parts.history.by(-0.5)],
  ".": [".", "and forth", () => parts.history.by(0.5)],
  n: ["N", "back to now", parts.history.back],
  1: ["1 to 4", "map, poses, score, export", () => choose(tabs[0])],
  2: [null, "", () => choose(tabs[1])],
  3: [null, "", () => choose(tabs[2])],
  4: [null, "", () => choose(tabs[3])],
  p: ["P", "play the score, hold it, go on", score.play],
  "?": ["?", "these keys", () => $("help").showModal()],
};
$("keys").append(...Object.values(KEYS).filter(([key]) => key).flatMap(([key, what]) =>
  [make("dt", {}, make("kbd", {}, key)), make("dd", {}, what)]),
  make("dt", {}, make("kbd", {}, "Ctrl Z"), " ", make("kbd", {}, "Ctrl Y")), make("dd", {}, "undo and redo on the pose desk"));
$("help-button").addEventListener("click", () => $("help").showModal());
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (key === "Escape" && document.body.classList.contains("stage-mode")) stageMode(false);
  const writing = target.matches?.("textarea, select, input:not([type=range]):not([type=checkbox])");
  if (writing || document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && /^[zy]$/i.test(key)) {
    event.preventDefault();
    studio.ask(/y/i.test(key) || event.shiftKey ? "redo" : "undo").catch(trouble);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === " " && target.matches?.("button, summary, a")) return;
  const found = KEYS[key.length === 1 ? key.toLowerCase() : key];
  if (!found) return;
  event.preventDefault();
  found[2]();
});
choose(tabs[0]);
