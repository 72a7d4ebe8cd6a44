// The line under the stage: sections as blocks in a row, keyframes on them, the song above, a needle through all.

import { SCORE } from "./connection.js";
import { draggable, slidable } from "./drag.js";
import { $, make, seconds, toast } from "./page.js";
import { VERBS, asLong, inOrder, keyframeOf, keyframeText, newSection, ofPhrase, ofPose, round, titleOf } from "./verbs.js";
import { drawWave } from "./wave.js";

const LEAST_S = 0.5, SNAP_PX = 9, STEP_S = 0.5, CLOSEST = 4, WIDEST = 160;

export function startTimeline(studio, model, song, player) {
  const view = $("line-view"), inner = $("line-inner"), canvas = $("line-wave"), blocks = $("line-blocks");
  const needle = $("line-needle"), mark = $("line-mark"), scrub = $("line-scrub");
  let scale = 0, shown_s = 0, fitted = true;

  // where things lie

  const at = (event) => Math.max(0, (event.clientX - inner.getBoundingClientRect().left) / scale);
  function snapped(at_s, free = false) {
    if (free) return round(at_s);
    const near = song.beats.reduce((best, beat_s) => (Math.abs(beat_s - at_s) < Math.abs(best - at_s) ? beat_s : best), Infinity);
    if (song.wave) return round(Math.abs(near - at_s) * scale <= Math.max(SNAP_PX, 0.25 * scale) ? Math.max(0, near) : at_s);
    return round(Math.round(at_s / STEP_S) * STEP_S);
  }
  function fit() {
    const all_s = Math.max(model.length_s, 8) * 1.04;
    scale = Math.min(WIDEST, Math.max(CLOSEST, (view.clientWidth - 4) / all_s));
  }
  function zoom(factor) {
    const middle_s = (view.scrollLeft + view.clientWidth / 2) / scale;
    fitted = false;
    scale = Math.min(WIDEST, Math.max(CLOSEST, scale * factor));
    show();
    view.scrollLeft = middle_s * scale - view.clientWidth / 2;
  }
  $("line-closer").addEventListener("click", () => zoom(1.5));
  $("line-farther").addEventListener("click", () => zoom(1 / 1.5));
  $("line-fit").addEventListener("click", () => { fitted = true; show(); });

  // drawing

  function show() {
    if (!view.clientWidth) return;
    if (fitted || !scale) fit();
    const all_s = Math.max(model.length_s, 8) * 1.04;
    inner.style.width = `${Math.max(view.clientWidth - 4, all_s * scale)}px`;
    showBlocks();
    paint();
    showNeedle();
    $("line-told").textContent = model.sections.length
      ? `${model.sections.length} ${model.sections.length > 1 ? "sections" : "section"}, ${seconds(model.length_s)}${song.wave ? ` · ${Math.round(song.wave.tempo_bpm)} BPM` : ""}`
      : "";
    $("line-empty").hidden = model.sections.length > 0;
    blocks.hidden = !model.sections.length;
  }
  function paint() {
    drawWave(canvas, { left_s: view.scrollLeft / scale, scale, width: view.clientWidth - 4, song, length_s: model.length_s });
  }
  function showBlocks() {
    const had = blocks.contains(document.activeElement) || document.activeElement === blocks;
    blocks.replaceChildren(...model.sections.map((section, index) => blockOf(section, index)));
    const chosen = blocks.children[model.chosen];
    if (chosen) blocks.setAttribute("aria-activedescendant", chosen.id);
    else blocks.removeAttribute("aria-activedescendant");
    if (had) blocks.focus({ preventScroll: true });
  }
  function blockOf(section, index) {
    const verb = section.verb ?? "dance", length_s = model.lengthOf(index), start_s = model.startOf(index);
    const lasts = section.beats ? `${section.beats} beats` : seconds(length_s);
    const block = make("div", { class: `block ${verb}`, role: "option", id: `section-${index}`, "aria-selected": index === model.chosen,
      "aria-label": `${index + 1}: ${titleOf(section)}, ${verb}, ${lasts}, from ${seconds(start_s)}` },
    make("span", { class: "verb" }, verb), make("span", { class: "title" }, titleOf(section)), make("span", { class: "lasts" }, lasts));
    block.style.width = `${Math.max(3, length_s * scale - 2)}px`;
    for (const [number, text] of (section.keyframes ?? []).entries()) block.append(diamondOf(section, index, number, text));
    const grip = make("i", { class: "grip", "aria-hidden": "true", title: "drag to change the length; Alt: without beats" });
    slidable(grip, {
      begin: () => model.choose(index),
      move: (by_px, event) => resize(index, start_s, start_s + length_s + by_px / scale, event.altKey, `length ${index}`),
    });
    block.append(grip);
    draggable(block, {
      label: () => titleOf(section),
      click: () => { model.choose(index); blocks.focus({ preventScroll: true }); },
      over: (event) => showMark(gapAt(event)),
      leave: () => showMark(null),
      drop: (event) => { showMark(null); moveTo(index, gapAt(event)); },
    });
    return block;
  }
  function diamondOf(section, index, number, text) {
    const { at_s, pose } = keyframeOf(text);
    const diamond = make("i", { class: "diamond", "aria-hidden": "true", title: `${round(at_s, 2)} s: ${pose}` });
    diamond.style.left = `${at_s * scale}px`;
    slidable(diamond, {
      begin: () => model.choose(index),
      move: (by_px, event) => model.edit((sections) => {
        const start_s = model.startOf(index), most_s = model.lengthOf(index);
        const to_s = Math.min(most_s, Math.max(0, snapped(start_s + at_s + by_px / scale, event.altKey) - start_s));
        const keyframes = [...section.keyframes];
        keyframes[number] = keyframeText({ at_s: to_s, pose });
        sections[index].keyframes = inOrder(keyframes);
      }, `keyframe ${index} ${number}`),
    });
    return diamond;
  }

  // changing

  function resize(index, start_s, end_s, free, gesture) {
    const section = model.sections[index];
    model.edit((sections) => {
      if (section.beats) {
        const beat_s = model.lengthOf(index) / section.beats || 0.5;
        sections[index].beats = Math.max(1, Math.round((end_s - start_s) / beat_s));
        model.layout[index] = [start_s, sections[index].beats * beat_s];
        return;
      }
      let length = Math.max(LEAST_S, snapped(end_s, free) - start_s);
      const most_s = naturalOf(section);
      if (most_s && length >= most_s - 0.01) delete sections[index].length;
      else sections[index].length = length = round(length);
      model.layout[index] = [start_s, Math.min(length, most_s ?? length)];
    }, gesture);
  }
  // Phrases cannot be longer than they are.
  function naturalOf({ verb, phrases, mix, over = 2 }) {
    if (!asLong(verb)) return null;
    const each = phrases.map((word) => {
      const part = word.match(/:([\d.]+)-([\d.]+)$/);
      if (part) return part[2] - part[1];
      const clip = studio.welcome.clips.find(({ name }) => name === word);
      return clip ? (clip.length - 1) / studio.welcome.film_fps : studio.library.phrases_s[word.replace(/^.*\/|\.json$/g, "")];
    });
    if (each.some((one) => one === undefined)) return null;
    return mix?.length ? Math.min(...each) : each.reduce((all, one) => all + one, over * (each.length - 1));
  }
  function gapAt(event) {
    const at_s = at(event);
    let gap = 0;
    while (gap < model.sections.length && at_s > model.startOf(gap) + model.lengthOf(gap) / 2) gap += 1;
    return gap;
  }
  const inside = (event) => {
    const box = view.getBoundingClientRect();
    return event.clientY > box.top - 30 && event.clientY < box.bottom + 30 && event.clientX > box.left - 30 && event.clientX < box.right + 30;
  };
  function showMark(gap) {
    mark.hidden = gap === null;
    if (gap !== null) mark.style.left = `${(gap < model.sections.length ? model.startOf(gap) : model.length_s) * scale}px`;
  }
  function moveTo(index, gap) {
    const to = gap > index ? gap - 1 : gap;
    if (to === index) return;
    const [moved] = model.layout.splice(index, 1);
    if (moved) model.layout.splice(to, 0, moved);
    model.edit((sections) => { sections.splice(to, 0, ...sections.splice(index, 1)); });
    model.choose(to);
  }
  function insert(section, gap = model.chosen < 0 ? model.sections.length : model.chosen + 1) {
    model.layout.splice(gap, 0, [0, section.length ?? naturalOf(section) ?? 4]);
    model.edit((sections) => { sections.splice(gap, 0, section); });
    model.choose(gap);
    return gap;
  }
  function removeChosen() {
    if (!model.section) return;
    const index = model.chosen;
    model.layout.splice(index, 1);
    model.edit((sections) => { sections.splice(index, 1); });
    model.choose(Math.min(index, model.sections.length - 1));
    toast("Removed: Ctrl Z brings it back");
  }

  // A chip of the shelf: dragged into the row, or with a click or a key put after what is chosen.
  function chip(label, make_section, picture = null, about = label) {
    const button = make("button", { type: "button", class: "chip", title: about }, ...(picture ? [picture] : []), make("span", {}, label));
    draggable(button, {
      label: () => label,
      click: () => { insert(make_section()); },
      over: (event) => showMark(inside(event) ? gapAt(event) : null),
      leave: () => showMark(null),
      drop: (event) => { showMark(null); if (inside(event)) dropped(make_section(), event); },
    });
    return button;
  }
  // A pose that is dropped on a section with keyframes is one more of them.
  function dropped(section, event) {
    const index = model.sections.findIndex((_, number) => at(event) < model.startOf(number) + model.lengthOf(number));
    const under = model.sections[index], pose = section.verb === "between" && section.keyframes[0]?.startsWith("0=../poses/");
    if (!pose || under?.verb !== "between") { insert(section, gapAt(event)); return; }
    const at_s = round(snapped(at(event)) - model.startOf(index));
    model.edit((sections) => {
      sections[index].keyframes = inOrder([...under.keyframes, keyframeText({ at_s, pose: keyframeOf(section.keyframes[0]).pose })]);
    });
    model.choose(index);
  }
  const picture = (kind, name) => make("img", { src: studio.url(`api/saved/${kind}/${name}.jpg`), alt: "", loading: "lazy", draggable: false });
  $("line-verbs").append(...Object.entries(VERBS).filter(([verb]) => verb !== "transfer").map(([verb, { means }]) => {
    const made = chip(verb, () => newSection(studio, verb), null, `${verb}: ${means}`);
    made.classList.add(verb);
    return made;
  }));
  let shelf = "";
  function showShelf({ phrases, poses, phrases_s }) {
    const now = JSON.stringify([phrases, poses]);
    if (now === shelf) return;
    shelf = now;
    $("line-shelf").replaceChildren(
      ...phrases.map((name) => chip(`${name} · ${seconds(phrases_s[name] ?? 0)}`, () => ofPhrase(name), picture("phrase", name), `the phrase ${name}, as it is`)),
      ...poses.map((name) => chip(name, () => ofPose(name), picture("pose", name), `the pose ${name}, as a keyframe`)));
    if (!phrases.length && !poses.length) $("line-shelf").append(make("p", { class: "empty" }, "Kept phrases (K) and poses (S) lie here, ready to be dragged into the row."));
  }
  studio.on("library", showShelf);

  // keys

  blocks.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key], index = model.chosen;
    if (by && event.shiftKey && model.section) {
      const to = index + by;
      if (to >= 0 && to < model.sections.length) moveTo(index, by > 0 ? to + 1 : to);
    } else if (by && (event.ctrlKey || event.metaKey) && model.section) stepLength(index, by);
    else if (by) model.choose(Math.max(0, index + by));
    else if (event.key === "Home") model.choose(0);
    else if (event.key === "End") model.choose(model.sections.length - 1);
    else if (event.key === "Delete" || event.key === "Backspace") removeChosen();
    else if (event.key === "Enter") document.querySelector("#section-form input, #section-form select")?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
    blocks.children[model.chosen]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  blocks.addEventListener("focus", () => { if (!model.section && model.sections.length) model.choose(0); });
  function stepLength(index, by) {
    const start_s = model.startOf(index), end_s = start_s + model.lengthOf(index);
    if (model.sections[index].beats || !song.wave) { resize(index, start_s, end_s + by * (model.sections[index].beats ? model.lengthOf(index) / model.sections[index].beats : STEP_S), false, `length ${index}`); return; }
    const next = by > 0 ? song.beats.find((beat_s) => beat_s > end_s + 0.02) : song.beats.findLast((beat_s) => beat_s < end_s - 0.02);
    resize(index, start_s, next ?? end_s + by * STEP_S, true, `length ${index}`);
  }

  // the needle

  function showNeedle() {
    needle.style.transform = `translateX(${shown_s * scale}px)`;
    scrub.setAttribute("aria-valuemax", round(model.length_s, 1));
    scrub.setAttribute("aria-valuenow", round(shown_s, 1));
    scrub.setAttribute("aria-valuetext", seconds(shown_s));
  }
  studio.on("frame", ({ header }) => {
    if (!(header.flags & SCORE) || studio.state?.playing?.name !== model.name) return;
    shown_s = player.at_s = header.time_s;
    showNeedle();
    const x = shown_s * scale - view.scrollLeft;
    if (!fitted && (x < 0 || x > view.clientWidth * 0.95)) view.scrollLeft = shown_s * scale - view.clientWidth * 0.1;
  });
  function goTo(at_s) {
    shown_s = Math.min(model.length_s, Math.max(0, at_s));
    player.goTo(shown_s);
    showNeedle();
  }
  slidable(scrub, { begin: (event) => goTo(at(event)), move: (_, event) => goTo(at(event)), done: () => scrub.focus({ preventScroll: true }) });
  scrub.addEventListener("keydown", (event) => {
    const to_s = { ArrowRight: shown_s + STEP_S, ArrowLeft: shown_s - STEP_S, PageDown: shown_s + 5, PageUp: shown_s - 5, Home: 0, End: model.length_s }[event.key];
    if (to_s === undefined) return;
    event.preventDefault();
    goTo(to_s);
  });

  model.on("change", show);
  model.on("told", show);
  song.addEventListener("wave", show);
  view.addEventListener("scroll", () => { canvas.style.transform = `translateX(${view.scrollLeft}px)`; paint(); });
  new ResizeObserver(show).observe(view);
  const move = (by) => moveTo(model.chosen, by > 0 ? model.chosen + 2 : model.chosen - 1);
  return { insert, removeChosen, move };
}
