// The form beside the stage: the chosen section, or with none chosen the piece as a whole.

import { make, seconds } from "./page.js";
import { MUSIC } from "./score_model.js";
import { VERBS, asLong, changeVerb, inOrder, keyframeOf, keyframeText, momentAt, phraseNames, poseNames, round, short, somePose } from "./verbs.js";

let fields = 0;

export function startForm(studio, model, song, line) {
  const form = document.getElementById("section-form");
  const names = make("datalist", { id: "phrase-names" }), places = make("datalist", { id: "pose-names" });
  form.after(names, places);
  studio.on("library", () => {
    names.replaceChildren(...phraseNames(studio).map((value) => make("option", { value })));
    places.replaceChildren(...poseNames(studio).map((value) => make("option", { value })));
  });
  let drawn = "";

  const set = (key, value, gesture = null) => model.edit((sections) => { sections[model.chosen][key] = value; }, gesture && `${gesture} ${model.chosen}`);
  const setAll = (key, value, gesture = null) => model.edit((_, sheet) => { sheet[key] = value; }, gesture);

  function field(label, input, help = "") {
    fields += 1;
    input.id = `field-${fields}`;
    const parts = [make("label", { for: input.id }, label), input];
    if (help) parts.push(make("p", { id: `${input.id}-help` }, help));
    if (help) input.setAttribute("aria-describedby", `${input.id}-help`);
    return parts;
  }
  // A number; empty is as usual.
  function number(value, put, { min = 0, max = 1e6, step = 0.1, whole = false, usual = "" } = {}) {
    const input = make("input", { type: "number", min, max, step: whole ? 1 : "any", value: value ?? "", placeholder: usual, inputMode: "decimal" });
    if (!whole) input.addEventListener("keydown", (event) => {
      const by = { ArrowUp: step, ArrowDown: -step }[event.key];
      if (!by) return;
      event.preventDefault();
      input.value = round(Math.min(max, Math.max(min, (input.valueAsNumber || 0) + by)));
      input.dispatchEvent(new Event("input"));
    });
    input.addEventListener("input", () => {
      const got = input.valueAsNumber;
      if (input.value === "") put(undefined);
      else if (Number.isFinite(got) && got >= min && got <= max) put(whole ? Math.round(got) : got);
    });
    return input;
  }
  function slider(value, usual, put, { max = 1 } = {}) {
    const input = make("input", { type: "range", min: 0, max, step: 0.01, value: value ?? usual });
    const said = make("output", {}, input.value);
    input.addEventListener("input", () => { said.textContent = input.value; put(input.valueAsNumber); });
    return [input, said];
  }
  function slid(label, key, usual, help) {
    const [input, said] = slider(model.section[key], usual, (value) => set(key, value, key));
    const parts = field(label, input, help);
    parts[0].append(" ", said);
    said.setAttribute("for", input.id);
    return parts;
  }
  function words(value, put, list = null, about = "") {
    const input = make("input", { type: "text", value: value ?? "", maxLength: 400, spellcheck: false, autocomplete: "off" });
    if (list) input.setAttribute("list", list);
    if (about) input.setAttribute("aria-label", about);
    input.addEventListener("change", () => put(input.value.trim()));
    return input;
  }
  const button = (text, does, about = text, more = {}) => make("button", { type: "button", onclick: does, "aria-label": about, ...more }, text);

  function lasts(section) {
    const natural = asLong(section.verb);
    const counted = section.beats !== undefined;
    const unit = make("select", { "aria-label": "counted in" },
      make("option", { value: "length", selected: !counted }, "seconds"), make("option", { value: "beats", selected: counted }, "beats"));
    const value = counted ? section.beats : section.length;
    const amount = number(value, (got) => {
      if (got !== undefined || natural) set(counted ? "beats" : "length", got, "length");
    }, counted ? { min: 1, whole: true } : { min: 0.5, step: 0.5, usual: natural ? seconds(model.lengthOf(model.chosen)) : "" });
    unit.addEventListener("change", () => model.edit((sections) => {
      const one = sections[model.chosen], length_s = model.lengthOf(model.chosen);
      const beat_s = 60 / (model.sheet.tempo || song.wave?.tempo_bpm || 112);
      delete one.length;
      delete one.beats;
      if (unit.value === "beats") one.beats = Math.max(1, Math.round(length_s / beat_s));
      else one.length = round(length_s);
    }));
    if (!song.wave && !model.sheet.tempo) unit.lastChild.disabled = true;
    const parts = field("Lasts", amount);
    return [parts[0], make("div", { class: "row" }, amount, unit)];
  }

  function phrasesOf(section) {
    const put = (number, word) => model.edit((sections) => {
      const { phrases } = sections[model.chosen];
      if (word) phrases[number] = word; else if (phrases.length > 1) phrases.splice(number, 1);
    });
    const rows = section.phrases.map((word, index) => make("div", { class: "row" },
      words(word, (now) => put(index, now), "phrase-names", `phrase ${index + 1}: CLIP, CLIP:START-END or a kept phrase`),
      ...(section.phrases.length > 2 ? [button("✕", () => put(index, ""), `leave out phrase ${index + 1}`)] : [])));
    if (section.verb === "blend") rows.push(button("+ phrase", () => model.edit((sections) => {
      sections[model.chosen].phrases.push(phraseNames(studio)[0]);
    })));
    return [make("span", { class: "label" }, section.verb === "blend" ? "Phrases" : "Phrase"), make("div", { class: "column" }, ...rows)];
  }

  function keyframesOf(section) {
    const put = (number, change) => model.edit((sections) => {
      const one = sections[model.chosen], keyframes = [...one.keyframes];
      if (change) keyframes[number] = keyframeText({ ...keyframeOf(keyframes[number]), ...change });
      else keyframes.splice(number, 1);
      one.keyframes = inOrder(keyframes);
    });
    const rows = section.keyframes.map((text, index) => {
      const { at_s, pose } = keyframeOf(text);
      const second = make("input", { type: "number", class: "second", min: 0, step: 0.1, value: at_s, "aria-label": `keyframe ${index + 1}: second` });
      second.addEventListener("change", () => Number.isFinite(second.valueAsNumber) && put(index, { at_s: Math.max(0, second.valueAsNumber) }));
      return make("div", { class: "row" }, second,
        words(pose, (now) => now && put(index, { pose: now }), "pose-names", `keyframe ${index + 1}: CLIP:SECOND or a kept pose`),
        button("✕", () => put(index, null), `leave out keyframe ${index + 1}`, { disabled: section.keyframes.length < 2 }));
    });
    const add = (pose) => model.edit((sections) => {
      const one = sections[model.chosen], taken = one.keyframes.map((text) => keyframeOf(text).at_s);
      const end_s = model.lengthOf(model.chosen), last_s = Math.max(...taken);
      const at_s = last_s + 0.6 <= end_s ? (last_s + end_s) / 2 : [...taken, end_s].sort((a, b) => a - b)
        .reduce(([best, before], now) => [now - before > best[1] - best[0] ? [before, now] : best, now], [[0, 0], 0])[0].reduce((a, b) => a + b) / 2;
      one.keyframes = inOrder([...one.keyframes, keyframeText({ at_s: round(at_s, 2), pose })]);
    });
    rows.push(make("div", { class: "row" }, button("+ kept pose", () => add(somePose(studio))),
      button("+ what is shown", () => add(momentAt(studio, studio.lastFrame?.nearest ?? 0)), "add the frame nearest to what is shown as a keyframe")));
    return [make("span", { class: "label" }, "Keyframes"), make("div", { class: "column" }, ...rows)];
  }

  function ofSection(section) {
    const verb = section.verb ?? "dance", index = model.chosen;
    const which = make("select", {}, ...Object.keys(VERBS).filter((one) => one !== "transfer" || one === verb || studio.welcome.dancers.length)
      .map((one) => make("option", { value: one, selected: one === verb }, one)));
    which.addEventListener("change", () => model.edit((sections) => { sections[index] = changeVerb(studio, section, which.value); }));
    const parts = [...field("Verb", which, VERBS[verb].means), ...field("Name", words(section.name, (value) => set("name", value || undefined))), ...lasts(section)];
    if (section.phrases) parts.push(...phrasesOf(section));
    if (section.keyframes) parts.push(...keyframesOf(section));
    if (verb === "vary") parts.push(...slid("Amount", "amount", 0.3, "0 as it is, 1 a cousin"));
    if (verb === "blend") parts.push(...field("Over", number(section.over, (value) => set("over", value, "over"), { min: 0.3, step: 0.5, usual: "2" }), "seconds of new dance between two phrases"),
      ...field("Mix", words((section.mix ?? []).join(" "), (text) => {
        const shares = text.split(/[\s,]+/).filter(Boolean).map(Number).filter((share) => share >= 0 && share <= 1);
        set("mix", shares.length && section.phrases.length === 2 ? shares : undefined);
      }), "instead, both at once: shares of the second, such as 0 0.5 1"));
    if (verb === "loop") parts.push(...field("Round", number(section.period, (value) => set("period", value, "period"), { min: 0.5, step: 0.5, usual: "4" }), "seconds of one round"));
    if (["dance", "between", "loop"].includes(verb)) parts.push(...field("Begins in", words(section.begin, (value) => set("begin", value || undefined), "pose-names"), "CLIP:SECOND or a kept pose; empty: what the seed picks"));
    if (studio.welcome.dancers.length) parts.push(...field("Body", words(section.body, (value) => set("body", value || undefined)), `whose is drawn: ${studio.welcome.dancers.join(", ")}`));
    if (verb !== "transfer" && !(verb === "vary" && section.amount === 0)) parts.push(...field("Seed", number(section.seed, (value) => set("seed", value), { whole: true, max: 2 ** 31 - 1, usual: "by itself" })),
      ...slid("Surprise", "temperature", 0.2, "which move comes next: 0 the likeliest"), ...slid("Stray", "stray", 0.2, "how far poses stray from the dancer's own"));
    if (model.sheet.music) parts.push(...slid("Energy", "energy", model.sheet.energy ?? 0.5, "how far loud music makes it livelier"), ...slid("Sync", "sync", model.sheet.sync ?? 0.7, "how strictly beats are met"));
    const tools = make("div", { class: "row" },
      button("◀ Earlier", () => line.move(-1), "move this section earlier", { disabled: index === 0 }),
      button("Later ▶", () => line.move(1), "move this section later", { disabled: index === model.sections.length - 1 }),
      button("Copy", () => line.insert(JSON.parse(JSON.stringify(section))), "another one like this after it"),
      button("Remove", line.removeChosen, "remove this section"),
      button("Whole piece", () => model.choose(-1), "settings of the whole piece"));
    return [make("legend", {}, `Section ${index + 1}`), tools, ...parts];
  }

  function ofPiece(sheet) {
    const parts = [...field("Frames/s", number(sheet.fps, (value) => setAll("fps", value, "fps"), { min: 1, max: 60, step: 1, usual: "30" })),
      ...field("Seed", number(sheet.seed, (value) => setAll("seed", value), { whole: true, max: 2 ** 31 - 1, usual: "0" }), "of all chance; another is another dance"),
      ...field("Tempo", number(sheet.tempo, (value) => setAll("tempo", value, "tempo"), { min: 20, max: 400, step: 1, usual: song.wave ? `${Math.round(song.wave.tempo_bpm)} (heard)` : "none" }), "beats a minute, to count sections by")];
    if (sheet.music) parts.push(...field("Begins at", words(sheet.from, (value) => setAll("from", /^[\d:.]+$/.test(value) ? value : undefined)), "minutes:seconds of the song"));
    return [make("legend", {}, "The whole piece"), ...parts];
  }

  function draw() {
    const now = JSON.stringify([model.name, model.chosen, model.section ?? model.sheet, model.sheet?.music, Boolean(song.wave), model.sections.length]);
    if (now === drawn) return;
    const writing = form.contains(document.activeElement) && document.activeElement.matches("input");
    // what is being written in shows it already; all else of the form is drawn when it is left
    if (writing && drawn && JSON.parse(drawn)[1] === model.chosen && JSON.parse(drawn)[0] === model.name) return;
    drawn = now;
    form.hidden = !model.sheet;
    if (model.sheet) form.replaceChildren(...(model.section ? ofSection(model.section) : ofPiece(model.sheet)));
  }
  form.addEventListener("focusout", () => setTimeout(draw));
  form.addEventListener("submit", (event) => event.preventDefault());
  model.on("change", draw);
  model.on("told", draw);
  song.addEventListener("wave", draw);
  studio.on("library", draw);
}

// The song of the piece: those uploaded, none, or another file.
export function songPicker(studio, model, song) {
  const pick = document.getElementById("score-song"), file = document.getElementById("score-file");
  function show() {
    const music = model.sheet?.music ?? "";
    const options = [["", "no music"], ...(studio.library?.songs ?? []).map((name) => [MUSIC + name, name])];
    if (music && !options.some(([value]) => value === music)) options.push([music, `${short(music)} (not in the studio)`]);
    pick.replaceChildren(...options.map(([value, name]) => make("option", { value, selected: value === music }, name)));
    document.getElementById("score-outside").hidden = !song.outside;
  }
  pick.addEventListener("change", () => model.edit((_, sheet) => {
    if (pick.value) sheet.music = pick.value; else { delete sheet.music; delete sheet.from; }
  }));
  document.getElementById("score-upload").addEventListener("click", () => file.click());
  file.addEventListener("change", () => { if (file.files[0]) song.upload(file.files[0]); file.value = ""; });
  model.on("change", show);
  studio.on("library", show);
}
