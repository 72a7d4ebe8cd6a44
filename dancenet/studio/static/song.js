// The song of the score: uploaded, chosen, its waveform and beats, and its sound in step with the dance.

import { PAUSED, SCORE } from "./connection.js";
import { $, make, toast, trouble } from "./page.js";
import { MUSIC } from "./score_model.js";

const APART_S = 0.06, FAR_S = 0.3, FAR_AT_FIRST_S = 0.1, AT_FIRST_MS = 1500, LARGEST = 60e6;
const NAME = /\.(mp3|wav|ogg|flac|m4a|opus)$/i;

export function secondsOf(text) {
  const parts = String(text ?? "0").split(":").map(Number);
  return parts.reduce((all, part) => all * 60 + part, 0) || 0;
}

export class Song extends EventTarget {
  constructor(studio, model) {
    super();
    Object.assign(this, { studio, model, wave: null, name: "", audible: true, drift_s: 0 });
    this.sound = make("audio", { preload: "auto", hidden: true });
    this.sound.preservesPitch = true;
    document.body.append(this.sound);
    model.on("change", () => this.follow());
    model.on("told", () => this.follow());
    studio.on("frame", ({ header }) => this.keepInStep(header));
    studio.on("lost", () => this.sound.pause());
  }

  get from_s() { return secondsOf(this.model.sheet?.from); }
  get outside() { return Boolean(this.model.sheet?.music) && !this.name; }

  // The score's song, if it is one that the studio has.
  follow() {
    const music = this.model.sheet?.music ?? "";
    const name = music.startsWith(MUSIC) && this.studio.library.songs.includes(music.slice(MUSIC.length)) ? music.slice(MUSIC.length) : "";
    if (name === this.name) return;
    this.name = name;
    this.wave = null;
    this.sound.pause();
    if (name) {
      this.sound.src = this.studio.url(`api/music/${name}`);
      this.hear(name);
    } else this.sound.removeAttribute("src");
    this.dispatchEvent(new Event("wave"));
  }

  async hear(name) {
    try {
      const answer = await fetch(this.studio.url(`api/waveform/${name}.json`));
      if (!answer.ok) throw new Error(await answer.text());
      const wave = await answer.json();
      if (name === this.name) { this.wave = wave; this.dispatchEvent(new Event("wave")); }
    } catch (error) { trouble(error); }
  }

  // Beats of the score's own time, seconds.
  get beats() { return (this.wave?.beats_s ?? []).map((at_s) => at_s - this.from_s).filter((at_s) => at_s >= -0.05); }
  get downbeats() { return (this.wave?.downbeats_s ?? []).map((at_s) => at_s - this.from_s); }

  async upload(file) {
    if (!NAME.test(file.name)) { toast("Music is mp3, wav, ogg, flac, m4a or opus", true); return; }
    if (file.size > LARGEST) { toast("A song may have 60 MB at most: send it as mp3 or ogg", true); return; }
    const told = make("div", { class: "job" }, make("span", {}, `hearing ${file.name}`), make("progress", { max: 1, "aria-label": `hearing ${file.name}` }));
    $("jobs").append(told);
    try {
      const answer = await fetch(this.studio.url(`api/music/${encodeURIComponent(file.name.slice(-100))}`), { method: "POST", body: file });
      if (!answer.ok) throw new Error(await answer.text());
      const { song } = await answer.json();
      if (!this.studio.library.songs.includes(song)) this.studio.library.songs.push(song);
      this.model.edit((_, sheet) => { sheet.music = MUSIC + song; });
      toast(`${song} is the music of ${this.model.name} now`);
    } catch (error) { trouble(error); } finally { told.remove(); }
  }

  // Called while a hand presses Play: browsers let sound begin only then.
  ready() {
    this.mine = this.waiting = true;
    if (!this.name || !this.audible) return;
    this.sound.muted = true;
    this.sound.play().then(() => { this.sound.pause(); this.sound.muted = false; }, () => {});
  }

  // Sound follows the picture: a little faster or slower, or, far apart, from where the picture is.
  keepInStep({ flags, time_s }) {
    const playing = this.studio.state?.playing;
    if (!playing && !this.waiting) this.mine = false; // the window in which Play was pressed is the one to be heard
    const due = flags & SCORE && !(flags & PAUSED) && this.mine && this.audible && this.name && playing?.song === this.name;
    if (!due) {
      if (!this.sound.paused && !this.waiting) this.sound.pause();
      return;
    }
    const wanted_s = time_s + playing.music_from_s;
    if (this.wave && wanted_s > this.wave.duration_s) { this.sound.pause(); return; }
    if (this.sound.paused) {
      this.sound.muted = false;
      this.sound.currentTime = wanted_s;
      this.sound.playbackRate = 1;
      this.began_ms = performance.now();
      this.sound.play().catch(() => { this.mine = false; toast("This browser holds the sound back: press Play again", true); });
      return;
    }
    if (this.sound.seeking) return;
    this.drift_s = this.sound.currentTime - wanted_s;
    const far_s = performance.now() - this.began_ms < AT_FIRST_MS ? FAR_AT_FIRST_S : FAR_S;
    if (Math.abs(this.drift_s) > far_s) {
      this.sound.currentTime = wanted_s;
      this.sound.playbackRate = 1;
    } else if (Math.abs(this.drift_s) > APART_S) this.sound.playbackRate = this.drift_s > 0 ? 0.95 : 1.05;
    else if (Math.abs(this.drift_s) < APART_S / 3) this.sound.playbackRate = 1;
  }
}
