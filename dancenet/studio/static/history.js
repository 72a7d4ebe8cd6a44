// The history strip: look back over the last minutes, mark a stretch, keep it as a phrase.

import { $, calmly, seconds, toast, trouble } from "./page.js";

const EVERY_MS = 3000, KEPT_S = 8, STEP_S = 0.5;

export function startHistory(studio) {
  const strip = $("strip");
  let length_s = 0, mark = null, drag = null;

  async function refreshIfSeen() {
    if (!document.hidden && !document.body.classList.contains("stage-mode") && !drag) await refresh();
  }
  async function refresh() {
    if (!studio.connected) return;
    const width = studio.welcome.width / studio.welcome.height * strip.clientHeight;
    const count = Math.max(4, Math.min(60, Math.ceil(strip.clientWidth / Math.max(width, 40))));
    try {
      const answer = await fetch(studio.url("api/strip.jpg", { count }));
      if (!answer.ok) return;
      length_s = Number(answer.headers.get("x-seconds"));
      const before = $("strip-image").src;
      $("strip-image").src = URL.createObjectURL(await answer.blob());
      if (before) URL.revokeObjectURL(before);
      strip.setAttribute("aria-valuemax", length_s.toFixed(1));
    } catch { /* the line is broken; it is asked again */ }
  }
  setInterval(refreshIfSeen, EVERY_MS);
  studio.on("welcome", () => setTimeout(refresh, 600));

  const agoAt = (event) => {
    const box = strip.getBoundingClientRect();
    return length_s * (1 - Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  };
  const look = calmly((ago_s) => studio.send("scrub", ago_s === null ? {} : { ago_s }));

  function show() {
    const { ago_s } = studio.state ?? {}, looking = ago_s != null;
    $("now").hidden = !looking;
    $("needle").style.left = looking && length_s ? `calc(${100 * (1 - ago_s / length_s)}% - 1px)` : "calc(100% - 2px)";
    strip.setAttribute("aria-valuenow", (ago_s ?? 0).toFixed(1));
    strip.setAttribute("aria-valuetext", looking ? `${seconds(ago_s)} ago` : "now");
    $("marker").style.display = mark ? "block" : "none";
    if (mark) {
      $("marker").style.left = `${100 * (1 - mark.from / length_s)}%`;
      $("marker").style.width = `${(100 * (mark.from - mark.to)) / length_s}%`;
    }
    $("marked").textContent = mark
      ? `${seconds(mark.from - mark.to)} marked` : "drag over the strip to mark a stretch";
    $("keep").textContent = mark ? "Keep what is marked" : `Keep the last ${KEPT_S} s`;
  }
  studio.on("state", show);

  strip.addEventListener("pointerdown", (event) => {
    if (!length_s) return;
    strip.setPointerCapture(event.pointerId);
    drag = { from: agoAt(event) };
    mark = null;
    look(drag.from);
    show();
  });
  strip.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const ago_s = agoAt(event);
    const [from, to] = [Math.max(drag.from, ago_s), Math.min(drag.from, ago_s)];
    mark = from - to > 0.5 ? { from, to } : null;
    look(ago_s);
    show();
  });
  const end = () => { drag = null; };
  strip.addEventListener("pointerup", end);
  strip.addEventListener("pointercancel", end);
  strip.addEventListener("keydown", (event) => {
    const ago_s = studio.state?.ago_s ?? 0;
    const to = { ArrowLeft: ago_s + STEP_S, ArrowRight: ago_s - STEP_S, PageDown: ago_s + 5, PageUp: ago_s - 5,
      Home: length_s, End: 0 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    look(to <= 0 ? null : Math.min(to, length_s));
  });

  const actions = {
    back: () => { mark = null; studio.ask("scrub").catch(trouble); show(); },
    keep: async () => {
      if (!mark) await refresh(); // how far back it reaches now
      const stretch = mark ?? { from: Math.min(KEPT_S, length_s), to: 0 };
      try {
        const { phrase, seconds: long } = await studio.ask("keep", { from_ago_s: stretch.from, to_ago_s: stretch.to });
        toast(`Kept ${seconds(long)} as ${phrase}: see Score`);
        mark = null;
        show();
      } catch (error) { trouble(error); }
    },
    by: (step_s) => {
      const ago_s = Math.max(0, (studio.state?.ago_s ?? 0) - step_s);
      look(ago_s ? ago_s : null);
    },
  };
  $("keep").addEventListener("click", actions.keep);
  $("now").addEventListener("click", actions.back);
  return actions;
}
