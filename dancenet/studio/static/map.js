// The map: all poses of the film as a field. Point and see, press and go, draw a way and the dancer follows.

import { $, make, toast, trouble } from "./page.js";
import { coloursOf, showLegend } from "./map_colours.js";
import { loadMap } from "./map_data.js";
import { faded, Field, Overlay } from "./map_draw.js";
import { handsOn } from "./map_hands.js";
import { Pictures } from "./map_pictures.js";
import { startSearch } from "./map_search.js";
import { View } from "./map_view.js";

const MORPH_MS = 700, WAY_SHOWN_MS = 8000, CLOSE = 12, SHARP_MS = 120;
const BY = { clip: "clip", time: "time", move: "move", energy: "energy" };
const HINT = "Press: the dancer goes there. Draw a line: it follows. Wheel or two fingers: closer. Drop an image: find it.";

export function startMap(studio, desk) {
  const panel = $("map");
  const field = make("canvas", { class: "field", "aria-hidden": "true" });
  const over = make("canvas", {
    class: "over", tabIndex: 0, role: "application", "aria-label": "Map of the film's poses",
    "aria-describedby": "map-keys", "aria-roledescription": "map",
  });
  const tip = make("div", { class: "tip", hidden: true, "aria-hidden": "true" }, make("canvas"), make("span"));
  const frame = make("div", { class: "plane" }, field, over, tip);
  const plane = make("select", { id: "map-plane" }), by = make("select", { id: "map-by" });
  by.append(...Object.entries(BY).map(([value, name]) => make("option", { value }, name)));
  const withPictures = make("input", { type: "checkbox", id: "map-pictures", checked: true });
  const button = (text, does, more = {}) => make("button", { type: "button", onclick: does, ...more }, text);
  const draws = button("Draw ways", () => drag("draw")), moves = button("Move the map", () => drag("move"));
  const legend = make("div", { class: "legend", role: "group", "aria-label": "What the colours mean" });
  const note = make("p", { class: "quiet", id: "map-note" }, "The map is being fetched …");
  const finding = make("progress", { hidden: true, "aria-label": "Finding the better plane and the moves" });
  const told = make("p", { class: "visually-hidden", "aria-live": "polite", id: "map-told" });
  const chosen = make("div", { class: "chosen row", hidden: true }, make("canvas"), make("span", { class: "grow" }),
    button("Go there", () => go(marks.cursor)), button("Add to a way", () => addToWay(marks.cursor)),
    button("+ has it", () => put("having"), { title: "into the first basket of a new direction: see Poses" }),
    button("+ lacks it", () => put("lacking"), { title: "into the second basket of a new direction: see Poses" }));
  const way = make("div", { class: "row", hidden: true }, make("span", { class: "grow" }),
    button("Follow it", () => follow(marks.way), { class: "primary" }), button("Clear", () => clear()));
  const search = startSearch(studio, panel, (frames) => found(frames));
  panel.append(
    make("div", { class: "row" },
      make("label", { for: "map-plane" }, "Plane"), plane, make("label", { for: "map-by" }, "Colour"), by,
      make("label", {}, withPictures, "pictures"), ...search.controls),
    make("div", { class: "row" }, draws, moves,
      button("+", () => does.zoom(1.6), { "aria-label": "Closer" }), button("−", () => does.zoom(1 / 1.6), { "aria-label": "Farther" }),
      button("Whole map", () => does.whole())),
    frame, legend, chosen, way, search.results, finding, note,
    make("p", { class: "visually-hidden", id: "map-keys" },
      "Arrow keys: the next pose in that direction. Enter: the dancer goes there. Shift Enter: adds it to a way. Plus and minus: closer and farther. 0: the whole map. Shift and arrows: move the map. Escape: clear marks."),
    told);

  const state = { view: null, drags: "draw" };
  const marks = { cursor: -1, pointed: -1, way: [], found: [], stroke: [], trail: [] };
  let map = null, pictures = null, colours = null, only = null, drawn = null, morph = null, resting = null, wayGoes = null;
  let dirty = { field: false, over: false }, waiting = false;
  const ground = new Field(field), above = new Overlay(over);

  // drawing: at most once per screen frame, and nothing while the tab is hidden
  function paint(what = "field") {
    dirty[what] = true;
    if (what === "field") dirty.over = true;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame((now_ms) => {
      waiting = false;
      if (!state.view || panel.hidden || state.view.width < 2) return;
      const begun_ms = performance.now();
      if (morph) step(now_ms);
      if (dirty.field) ground.draw(state.view, colours, pictures, withPictures.checked);
      faded(marks.trail, now_ms);
      above.draw(state.view, marks, now_ms);
      dirty = { field: false, over: false };
      studio.map.took_ms = performance.now() - begun_ms;
      if (morph) paint();
    });
  }

  // Show another plane; frames wander there.
  function show(name) {
    const to = map[name], still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const from = drawn && drawn.length === to.length && !still ? drawn.slice() : null;
    plane.value = name;
    drawn = to.slice();
    state.view.take(map, drawn);
    state.view.whole();
    morph = from && { from, to, begun_ms: performance.now() };
    paint();
  }
  function step(now_ms) {
    const share = Math.min(1, Math.max(0, (now_ms - morph.begun_ms) / MORPH_MS)), eased = share * share * (3 - 2 * share);
    for (let at = 0; at < drawn.length; at++) drawn[at] = morph.from[at] + (morph.to[at] - morph.from[at]) * eased;
    if (share < 1) { dirty.field = true; return; }
    morph = null;
    state.view.take(map, drawn);
    dirty.field = true;
  }

  function recolour(alone = null) {
    only = alone;
    colours = coloursOf(map, by.value, only);
    showLegend(legend, map, by.value, only, recolour);
    paint();
  }

  async function load() {
    const before = map;
    try { map = await loadMap(studio); } catch (error) { trouble(error); return; }
    if (before?.digest !== map.digest) {
      pictures?.close();
      pictures = new Pictures(studio, map, () => { paint(); card(); hint(); });
      Object.assign(marks, { cursor: -1, pointed: -1, way: [], found: [], trail: [] });
      drawn = null;
    }
    const first = state.view === null || before?.digest !== map.digest;
    const untouched = first || (state.view.zoom === 1 && !plane.dataset.chosen && !marks.stroke.length);
    const stays = plane.value || "pca", better = map.planes.at(-1).name;
    plane.replaceChildren(...map.planes.map(({ name, label }) => make("option", { value: name }, label)));
    plane.value = map.planes.some(({ name }) => name === stays) ? stays : "pca";
    state.view ??= new View(map, map[plane.value]);
    measure();
    if (untouched) show(better);
    else state.view.map = map;
    recolour(only);
    finding.hidden = map.complete || Boolean(map.why_not);
    note.textContent = map.complete ? HINT
      : map.why_not ? `Only the flat plane can be had: ${map.why_not}`
        : "A plane in which neighbours stay neighbours, and the dancer's moves, are being found: a minute or a few, once for a run. Meanwhile this one is as good to point, press and draw on.";
    Object.assign(studio.map, { map, view: state.view });
    if (!performance.getEntriesByName("map").length) performance.mark("map");
    card();
  }
  studio.on("welcome", load);
  studio.on("mapped", load);
  plane.addEventListener("change", () => { plane.dataset.chosen = "yes"; show(plane.value); });
  by.addEventListener("change", () => recolour());
  withPictures.addEventListener("change", () => paint());

  function measure() {
    const box = frame.getBoundingClientRect();
    if (!state.view || box.width < 2) return;
    const ratio = Math.min(2, devicePixelRatio || 1);
    for (const canvas of [field, over]) Object.assign(canvas, { width: Math.round(box.width * ratio), height: Math.round(box.height * ratio) });
    state.view.resize(box.width, box.height);
    paint();
  }
  new ResizeObserver(measure).observe(frame);
  studio.on("tab", () => paint());

  // what is told of a frame
  function picture(canvas, shown, width) {
    const [across, down] = map.thumb, height = Math.round((width * down) / across);
    if (canvas.width !== width) Object.assign(canvas, { width, height });
    const drawing = canvas.getContext("2d");
    drawing.clearRect(0, 0, canvas.width, canvas.height);
    pictures.draw(drawing, shown, 0, 0, canvas.width, canvas.height, 0);
  }
  function hint() {
    tip.hidden = marks.pointed < 0;
    if (tip.hidden) return;
    const [canvas, text] = tip.children, [x, y] = state.view.screen(marks.pointed);
    picture(canvas, marks.pointed, 168);
    text.textContent = map.told(marks.pointed);
    const wide = tip.offsetWidth, high = tip.offsetHeight, { width, height } = state.view;
    tip.style.left = `${Math.max(4, Math.min(width - wide - 4, x + (x > width / 2 ? -wide - 18 : 18)))}px`;
    tip.style.top = `${Math.max(4, Math.min(height - high - 4, y - high / 2))}px`;
  }
  function card() {
    chosen.hidden = marks.cursor < 0;
    if (chosen.hidden) return;
    picture(chosen.children[0], marks.cursor, 120);
    chosen.children[1].textContent = map.told(marks.cursor);
  }
  function place(cursor) {
    marks.cursor = cursor;
    pictures.sharpen(cursor);
    told.textContent = map.told(cursor);
    card();
    paint("over");
  }

  // what is done
  function go(to) {
    if (to < 0) return;
    place(to);
    return studio.ask("go", { frame: to }).catch(trouble);
  }
  async function follow(frames) {
    if (frames.length < 2) { toast("A way needs two poses or more: draw it over some", true); return; }
    setWay(frames);
    try {
      await studio.ask("follow", { frames });
      told.textContent = `The dancer follows a way through ${frames.length} poses`;
      way.hidden = true;
      clearTimeout(wayGoes);
      wayGoes = setTimeout(() => setWay([]), WAY_SHOWN_MS);
    } catch (error) { trouble(error); }
  }
  function setWay(frames) {
    clearTimeout(wayGoes);
    marks.way = frames;
    way.hidden = !frames.length;
    way.children[0].textContent = `A way through ${frames.length} pose${frames.length === 1 ? "" : "s"}`;
    way.children[1].disabled = frames.length < 2;
    paint("over");
  }
  function addToWay(added) {
    if (added < 0) return;
    setWay([...(way.hidden ? [] : marks.way), added]);
    told.textContent = `${map.moment(added)} is pose ${marks.way.length} of a way`;
  }
  function put(kind) {
    desk.put(kind, marks.cursor);
    toast(`${map.moment(marks.cursor)} ${kind === "having" ? "has it" : "lacks it"}: see Poses`);
  }
  function found(frames) {
    marks.found = frames;
    if (frames.length) {
      state.view.centre(frames[0], Math.max(state.view.zoom, CLOSE / 4));
      place(frames[0]);
    }
    paint();
  }
  function clear() {
    setWay([]);
    search.close();
    marks.cursor = -1;
    card();
    paint("over");
  }
  function drag(how) {
    state.drags = how;
    draws.setAttribute("aria-pressed", how === "draw");
    moves.setAttribute("aria-pressed", how === "move");
    over.classList.toggle("moves", how === "move");
  }
  drag("draw");

  const does = {
    go, clear,
    point: (at) => {
      const pointed = at ? state.view.nearest(...at) : -1;
      if (pointed === marks.pointed) return;
      marks.pointed = pointed;
      clearTimeout(resting);
      if (pointed >= 0) resting = setTimeout(() => pictures.sharpen(pointed), SHARP_MS);
      hint();
      paint("over");
    },
    press: (at, adds) => {
      const pressed = state.view.nearest(...at);
      if (pressed < 0) return;
      if (adds) { place(pressed); addToWay(pressed); } else go(pressed);
    },
    stroke: (stroke) => { marks.stroke = stroke; marks.pointed = -1; hint(); paint("over"); },
    follow: (stroke) => follow(state.view.along(stroke)),
    moved: () => { marks.pointed = -1; hint(); paint(); },
    zoom: (factor) => {
      const about = marks.cursor >= 0 && state.view.holds(marks.cursor) ? state.view.screen(marks.cursor) : [];
      state.view?.zoomBy(factor, ...about);
      paint();
    },
    whole: () => { state.view?.whole(); paint(); },
    step: (dx, dy) => {
      const from = marks.cursor >= 0 ? marks.cursor : marks.trail.at(-1)?.frame ?? state.view.nearest(state.view.width / 2, state.view.height / 2, 1e6);
      const to = marks.cursor >= 0 ? state.view.next(from, dx, dy) : from;
      if (!state.view.holds(to)) state.view.centre(to);
      place(to);
    },
    enter: (adds) => (adds ? addToWay(marks.cursor) : go(marks.cursor)),
  };
  handsOn(over, state, does);

  // the live dance
  studio.on("shown", ({ nearest }) => {
    if (!map || nearest >= map.frames) return;
    if (marks.trail.at(-1)?.frame !== nearest) marks.trail.push({ frame: nearest, ms: performance.now() });
    paint("over");
  });

  studio.map = { map, view: null, marks, go, follow, paint };
  return studio.map;
}
