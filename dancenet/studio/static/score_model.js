// The score that is edited: its table as in the TOML, undo and redo, saved as it changes.

import { toast, trouble } from "./page.js";

const SAVE_MS = 350, DEEP = 200;
export const PHRASES = "../phrases/", POSES = "../poses/", MUSIC = "../music/";
const copy = (value) => JSON.parse(JSON.stringify(value));

export class ScoreModel extends EventTarget {
  constructor(studio) {
    super();
    Object.assign(this, { studio, name: null, sheet: { section: [] }, text: "", layout: [], error: null, line: null,
      byHand: false, chosen: -1, before: [], after: [], gesture: null, edits: 0, saved: 0, timer: null, writing: false,
      mark: "", typed: null, by: Math.random().toString(36).slice(2) });
    studio.on("welcome", () => this.begin());
    studio.on("library", (library) => { if (this.begun) this.look(library); });
    document.addEventListener("visibilitychange", () => document.hidden && this.flush());
    addEventListener("pagehide", () => this.flush());
  }

  on(what, does) { this.addEventListener(what, (event) => does(event.detail)); }
  tell(what, detail) { this.dispatchEvent(new CustomEvent(what, { detail })); }
  get sections() { return this.sheet?.section ?? []; }
  get section() { return this.sections[this.chosen] ?? null; }
  get length_s() { return this.sections.reduce((all, _, index) => all + this.lengthOf(index), 0); }
  get isSaved() { return this.saved === this.edits && !this.writing; }
  get key() { return `dancenet score of ${this.studio.run}`; }

  // What the studio said of a section, and what the page may say before it has answered.
  lengthOf(index) {
    const { length } = this.sections[index];
    return length ?? this.layout[index]?.[1] ?? 4;
  }
  startOf(index) {
    let start_s = 0;
    for (let before = 0; before < index; before += 1) start_s += this.lengthOf(before);
    return start_s;
  }

  async begin() {
    this.begun = true;
    if (this.name && !this.isSaved) { this.write(); return; } // the line was broken: nothing is lost
    if (!this.name && await this.goOn()) return;
    const { scores } = this.studio.library;
    const wanted = this.name ?? localStorage.getItem(this.key);
    if (scores.includes(wanted)) await this.open(wanted);
    else if (scores.length) await this.open(scores.at(-1));
    else this.fresh();
  }

  // What a page that was closed or killed had changed and not saved is taken up again.
  async goOn() {
    const key = Object.keys(localStorage).find((one) => one.startsWith(this.draftKey("")));
    if (!key) return false;
    const name = key.slice(this.draftKey("").length), { sheet, text, mark } = JSON.parse(localStorage.getItem(key));
    localStorage.removeItem(key);
    if (this.studio.library.scores.includes(name)) await this.open(name); else this.fresh(name);
    Object.assign(this, { sheet, mark, typed: text, edits: 1 });
    await this.write();
    this.tell("change");
    return true;
  }
  draftKey(name) { return `dancenet draft ${this.studio.run} ${name}`; }
  draft() {
    localStorage.setItem(this.draftKey(this.name), JSON.stringify({ sheet: this.sheet, text: this.typed, mark: this.mark }));
  }

  // Another window may have written it.
  async look({ scores }) {
    if (this.isSaved && this.name && scores.includes(this.name)) {
      const told = await this.studio.ask("open", { name: this.name }).catch(() => null);
      if (told && this.isSaved && told.name === this.name && told.mark !== this.mark) this.take(told);
    }
    this.tell("list", scores);
  }

  fresh(name = null) {
    this.flush();
    const taken = this.studio.library.scores;
    let number = 1;
    while (taken.includes(`piece-${number}`)) number += 1;
    Object.assign(this, { name: name ?? `piece-${number}`, sheet: { section: [] }, text: "", layout: [], error: null,
      line: null, byHand: false, chosen: -1, before: [], after: [], edits: 0, saved: 0, mark: "", typed: null });
    this.tell("change");
    this.tell("list", taken);
  }

  async open(name) {
    this.flush();
    try {
      const told = await this.studio.ask("open", { name });
      Object.assign(this, { name, chosen: -1, before: [], after: [], edits: 0, saved: 0, typed: null });
      localStorage.setItem(this.key, name);
      this.take(told);
      this.tell("list", this.studio.library.scores);
    } catch (error) { trouble(error); }
  }

  // What the studio says of the score becomes what is edited.
  take({ text, score, layout, error, line, by_hand, mark }) {
    Object.assign(this, { text, layout, error, line, mark, byHand: by_hand, sheet: score ? { section: [], ...score } : null });
    this.chosen = Math.min(this.chosen, this.sections.length - 1);
    this.tell("change");
  }

  // Change the table: `does` gets a copy.
  edit(does, gesture = null) {
    if (!this.sheet) { toast("This text is no score yet: mend it under “As text” first", true); return; }
    if (this.typed !== null) { toast("The text is not saved yet: wait until it is", true); return; }
    this.step(gesture);
    const sheet = copy(this.sheet);
    does(sheet.section, sheet);
    for (const section of [sheet, ...sheet.section])
      for (const [key, value] of Object.entries(section)) if (value === null || value === undefined) delete section[key];
    this.sheet = sheet;
    this.changed();
  }

  // Change the text.
  type(text) {
    this.step("text");
    this.typed = text;
    this.changed();
  }

  // Changes of the same `gesture` are undone together.
  step(gesture) {
    if (this.sheet && (!gesture || gesture !== this.gesture)) this.before = [...this.before.slice(-DEEP), copy([this.sheet, this.chosen])];
    Object.assign(this, { after: [], gesture });
  }

  undo() { this.back(this.before, this.after); }
  redo() { this.back(this.after, this.before); }
  back(from, to) {
    if (!from.length) return;
    to.push(copy([this.sheet, this.chosen]));
    [this.sheet, this.chosen] = from.pop();
    Object.assign(this, { gesture: null, typed: null });
    this.changed();
  }

  changed() {
    this.edits += 1;
    if (this.chosen >= this.sections.length) this.chosen = this.sections.length - 1;
    this.draft();
    this.tell("change");
    this.later();
  }

  choose(index) {
    this.chosen = Math.max(-1, Math.min(index, this.sections.length - 1));
    this.gesture = null;
    this.tell("change");
  }

  // saving

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), SAVE_MS);
    this.tell("saving");
  }

  flush() {
    if (this.timer && this.saved !== this.edits && this.name) this.write();
  }

  async write() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.writing || !this.studio.connected) { this.again = true; return false; }
    const { edits, name, typed, sheet, mark, by } = this, what = typed === null ? { score: sheet } : { text: typed };
    this.writing = true;
    this.tell("saving");
    try {
      const told = await this.studio.ask("write", { name, ...what, mark, by });
      this.writing = false;
      if (told.name !== name)
        toast(`${name} was changed elsewhere meanwhile: yours goes on as ${told.name}, and both are kept`, true);
      if (told.name !== name || name !== this.name || edits === this.edits) localStorage.removeItem(this.draftKey(name));
      if (name !== this.name) return true;
      Object.assign(this, { name: told.name, saved: edits, mark: told.mark });
      localStorage.setItem(this.key, told.name);
      if (edits === this.edits) this.written(told, typed !== null);
      if (told.name !== name) this.tell("list", this.studio.library.scores);
      return true;
    } catch (error) {
      if (this.studio.connected) trouble(error);
      return false;
    } finally {
      this.writing = false;
      if (this.saved !== this.edits || this.again) {
        this.again = false;
        if (this.saved !== this.edits) this.later();
      }
      this.tell("saved");
    }
  }

  // What the studio made of all that was changed.
  written(told, typed) {
    this.typed = null;
    if (typed) { this.take(told); return; }
    const { text, score, layout, error, line, by_hand: byHand } = told;
    if (score) this.sheet = { section: [], ...score };
    Object.assign(this, { text, layout: layout.length ? layout : this.layout, error, line, byHand });
    this.tell("told");
  }

  // All that was edited is with the studio when this is done.
  async settled() {
    for (let tries = 0; tries < 100 && !this.isSaved; tries += 1) {
      if (!this.writing) await this.write();
      if (!this.isSaved) await new Promise((done) => setTimeout(done, 50));
    }
    return this.isSaved;
  }

  async rename(to) {
    if (!(await this.settled())) return;
    if (this.studio.library.scores.includes(this.name)) await this.studio.ask("rename", { kind: "score", name: this.name, to });
    this.name = to;
    localStorage.setItem(this.key, to);
    this.tell("change");
    this.tell("list", this.studio.library.scores);
  }

  async remove() {
    const { name } = this;
    clearTimeout(this.timer);
    localStorage.removeItem(this.draftKey(name));
    Object.assign(this, { timer: null, saved: this.edits });
    if (this.studio.library.scores.includes(name)) await this.studio.ask("remove", { kind: "score", name });
    this.name = null;
    await this.begin();
  }
}
