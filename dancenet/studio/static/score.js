// The Score tab: which score, its text, its sound, playing it; the line itself is in timeline.js.

import { $, askName, make, trouble } from "./page.js";
import { startForm, songPicker } from "./score_form.js";
import { ScoreModel } from "./score_model.js";
import { Song } from "./song.js";
import { startTimeline } from "./timeline.js";

export function startScore(studio) {
  build();
  const model = new ScoreModel(studio), song = new Song(studio, model);
  const player = startPlayer(studio, model, song);
  const line = startTimeline(studio, model, song, player);
  startForm(studio, model, song, line);
  songPicker(studio, model, song);
  startText(model);

  const which = $("score-which");
  function list() {
    const names = [...new Set([...(studio.library?.scores ?? []), ...(model.name ? [model.name] : [])])];
    which.replaceChildren(...names.map((name) => make("option", { value: name, selected: name === model.name }, name)));
  }
  model.on("list", list);
  model.on("change", list);
  studio.on("library", list);
  which.addEventListener("change", () => model.open(which.value));
  $("score-new").addEventListener("click", () => model.fresh());
  $("score-rename").addEventListener("click", () => {
    const to = askName(`A name for ${model.name}`, model.name);
    if (to && to !== model.name) model.rename(to).catch(trouble);
  });
  $("score-remove").addEventListener("click", () => {
    if (confirm(`Put the score ${model.name} away? Its file is kept under another name.`)) model.remove().catch(trouble);
  });
  $("score-undo").addEventListener("click", () => model.undo());
  $("score-redo").addEventListener("click", () => model.redo());

  function stand() {
    const saved = model.isSaved, nothing = !model.edits && !studio.library?.scores.includes(model.name);
    const text = saved ? (nothing ? "" : "saved") : studio.connected ? "saving …" : "not saved yet: the studio does not answer";
    if ($("score-saved").textContent !== text) $("score-saved").textContent = text;
    $("score-undo").disabled = !model.before.length;
    $("score-redo").disabled = !model.after.length;
    const error = model.error && model.sections.length ? model.error : "";
    $("score-error").textContent = error;
    $("score-error").hidden = !error;
    $("score-hand").hidden = !model.byHand || !model.sheet || !model.text;
  }
  for (const what of ["change", "told", "saving", "saved"]) model.on(what, stand);
  studio.on("lost", stand);

  studio.on("tab", (tab) => document.body.classList.toggle("scoring", tab === "score"));
  // on this tab Ctrl Z and Ctrl Y are the score's
  document.addEventListener("keydown", (event) => {
    if (!document.body.classList.contains("scoring") || document.querySelector("dialog[open]")) return;
    if (!(event.ctrlKey || event.metaKey) || !/^[zy]$/i.test(event.key)) return;
    if (event.target.matches?.("textarea, input[type=text], input[type=number]")) return;
    event.preventDefault();
    event.stopPropagation();
    if (/y/i.test(event.key) || event.shiftKey) model.redo(); else model.undo();
  }, true);
  studio.score = { model, song, player }; // for the console, and for tests
  return { model, play: player.toggle };
}

function startPlayer(studio, model, song) {
  const player = { at_s: 0, busy: false };
  const mine = () => studio.state?.playing?.name === model.name;
  player.goTo = (at_s) => {
    player.at_s = at_s;
    if (mine()) studio.send("seek", { at_s });
  };
  player.play = async () => {
    if (player.busy || !model.sections.length) return;
    song.ready();
    player.busy = true;
    show();
    try {
      if (!(await model.settled())) throw new Error("The score is not saved yet, so it cannot be played");
      const from_s = player.at_s >= model.length_s - 0.1 ? 0 : player.at_s;
      const { length_s, sections } = await studio.ask("play", { name: model.name, at_s: from_s });
      model.layout = sections.map(({ start_s, length_s: lasts_s }) => [start_s, lasts_s]);
      model.tell("told");
      player.length_s = length_s;
    } catch (error) { trouble(error); } finally {
      player.busy = song.waiting = false;
      show();
    }
  };
  player.stop = () => studio.ask("stop").catch(trouble);
  player.toggle = () => {
    if (!mine()) player.play();
    else studio.ask("pause", { paused: !studio.state.paused }).catch(trouble);
  };
  function show() {
    const playing = mine(), paused = playing && studio.state.paused;
    $("score-play").textContent = player.busy ? "Rehearsing …" : playing && !paused ? "❚❚ Pause" : paused ? "▶ Go on" : "▶ Play";
    $("score-play").disabled = player.busy;
    $("score-stop").disabled = !studio.state?.playing;
    const changed = playing && model.edits > (player.playedEdits ?? 0);
    $("score-again").hidden = !changed || player.busy;
  }
  $("score-play").addEventListener("click", () => { player.toggle(); });
  $("score-again").addEventListener("click", player.play);
  $("score-stop").addEventListener("click", player.stop);
  $("score-sound").addEventListener("click", () => {
    song.audible = !song.audible;
    $("score-sound").setAttribute("aria-pressed", song.audible);
    if (song.audible) song.mine = true;
  });
  studio.on("state", () => {
    if (player.wasPlaying !== studio.state.playing?.name) player.playedEdits = model.edits;
    player.wasPlaying = studio.state.playing?.name;
    show();
  });
  model.on("change", show);
  return player;
}

function startText(model) {
  const text = $("score-text"), said = $("score-text-said");
  const show = () => {
    if (document.activeElement !== text) text.value = model.text;
    said.textContent = model.error ? model.error : model.text ? "it can be danced as it is" : "";
    said.classList.toggle("bad", Boolean(model.error));
    $("score-line").hidden = !model.line;
    $("score-line").textContent = `Go to line ${model.line}`;
  };
  model.on("change", show);
  model.on("told", show);
  text.addEventListener("input", () => { model.type(text.value); said.textContent = "…"; });
  text.addEventListener("blur", () => model.flush());
  $("score-line").addEventListener("click", () => {
    const lines = text.value.split("\n"), from = lines.slice(0, model.line - 1).join("\n").length + (model.line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(from, from + (lines[model.line - 1] ?? "").length);
    text.scrollTop = (text.scrollHeight / lines.length) * Math.max(0, model.line - 3);
  });
}

function button(id, text, more = {}) { return make("button", { type: "button", id, ...more }, text); }

function build() {
  $("score").append(
    make("div", { class: "row" }, make("label", { for: "score-which" }, "Score"), make("select", { id: "score-which" }),
      button("score-new", "New"), button("score-rename", "Name"), button("score-remove", "✕", { "aria-label": "Put this score away" }),
      make("span", { id: "score-saved", class: "quiet", role: "status" })),
    make("div", { class: "row" }, make("label", { for: "score-song" }, "Music"), make("select", { id: "score-song" }), button("score-upload", "Add music …"),
      make("input", { type: "file", id: "score-file", hidden: true, accept: ".mp3,.wav,.ogg,.flac,.m4a,.opus", "aria-label": "A song" })),
    make("p", { id: "score-outside", class: "quiet", hidden: true }, "The song of this score lies outside of the studio: add it here to hear it."),
    make("p", { id: "score-hand", class: "quiet", hidden: true }, "Written by hand: the first change made here rewrites it without comments; a copy of it is kept beside it."),
    make("p", { id: "score-error", class: "bad", role: "alert", hidden: true }),
    make("form", { id: "section-form", class: "sliders panel" }),
    make("details", { id: "score-as-text" }, make("summary", {}, "As text (TOML)"),
      make("label", { for: "score-text", class: "quiet" }, "The same score, as the command line reads it: dancenet generate score"),
      make("textarea", { id: "score-text", rows: 14, spellcheck: false, maxLength: 200000 }),
      make("div", { class: "row" }, make("span", { id: "score-text-said", role: "status" }), button("score-line", "Go to line", { hidden: true }))),
  );
  $("line").append(
    make("div", { class: "row" }, button("score-play", "▶ Play", { class: "primary" }), button("score-again", "Dance it as it is now", { hidden: true }),
      button("score-stop", "■ Stop"), button("score-sound", "Sound", { "aria-pressed": "true" }),
      button("score-undo", "Undo"), button("score-redo", "Redo"),
      button("line-farther", "−", { "aria-label": "See more of the line" }), button("line-closer", "+", { "aria-label": "See the line closer" }), button("line-fit", "Fit"),
      make("span", { id: "line-told", class: "quiet" })),
    make("div", { id: "line-view" }, make("div", { id: "line-inner" },
      make("div", { id: "line-scrub", role: "slider", tabIndex: 0, "aria-label": "Where the score plays from", "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0" },
        make("canvas", { id: "line-wave", "aria-hidden": "true" })),
      make("div", { id: "line-blocks", role: "listbox", tabIndex: 0, "aria-label": "Sections: arrows choose, with Shift they move it, with Ctrl they change its length, Delete removes it", "aria-orientation": "horizontal", hidden: true }),
      make("p", { id: "line-empty", class: "empty" }, "Drag a verb or a kept phrase here, or press it."),
      make("i", { id: "line-mark", hidden: true, "aria-hidden": "true" }), make("i", { id: "line-needle", "aria-hidden": "true" }))),
    make("div", { id: "line-verbs", class: "chips", role: "group", "aria-label": "Verbs, to be put into the row" }),
    make("div", { id: "line-shelf", class: "chips", role: "group", "aria-label": "Kept phrases and poses, to be put into the row" }),
  );
}
