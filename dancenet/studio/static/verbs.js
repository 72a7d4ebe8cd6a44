// What each verb of a score is, and what a new section of it begins with.

import { PHRASES, POSES } from "./score_model.js";

export const VERBS = {
  dance: { means: "dances freely", colour: "#8fb7ff" },
  continue: { means: "goes on from where a phrase ends", colour: "#9ee0d2" },
  between: { means: "passes through keyframes, on time", colour: "#ffd479" },
  vary: { means: "a phrase, as it is or danced differently", colour: "#f3a6d8" },
  blend: { means: "from one phrase into the next", colour: "#c9a8ff" },
  loop: { means: "comes round again and again", colour: "#a6e38a" },
  transfer: { means: "a phrase, danced by another body", colour: "#ffb199" },
};

// Keys that belong to some verbs only; when a section changes its verb the others go.
const OWN = { dance: ["begin"], continue: ["phrases"], between: ["keyframes", "begin"], vary: ["phrases", "amount"],
  blend: ["phrases", "over", "mix"], loop: ["begin", "period", "period_beats"], transfer: ["phrases"] };

// Verbs that last as long as their phrases.
export const asLong = (verb) => ["vary", "blend", "transfer"].includes(verb);

export const round = (value, digits = 3) => Number(value.toFixed(digits));

// CLIP:START-END of some seconds around a frame of the film.
export function stretchAt(studio, frame, seconds = 4) {
  const { clips, film_fps } = studio.welcome;
  const clip = clips.findLast(({ start }) => start <= frame) ?? clips[0];
  const whole = (clip.length - 1) / film_fps;
  const from = Math.max(0, Math.min((frame - clip.start) / film_fps - seconds / 2, whole - seconds));
  return `${clip.name}:${round(from, 2)}-${round(Math.min(from + seconds, whole), 2)}`;
}

export function momentAt(studio, frame) {
  const { clips, film_fps } = studio.welcome;
  const clip = clips.findLast(({ start }) => start <= frame) ?? clips[0];
  return `${clip.name}:${round((frame - clip.start) / film_fps, 3)}`;
}

function someFrame(studio, share = 0.5) {
  return studio.lastFrame?.nearest ?? Math.floor(studio.welcome.frames * share);
}

// Names that can be asked for: kept things first, then the clips.
export function phraseNames(studio) {
  return [...studio.library.phrases.map((name) => `${PHRASES}${name}.json`), ...studio.welcome.clips.map(({ name }) => name)];
}
export const poseNames = (studio) => studio.library.poses.map((name) => `${POSES}${name}.json`);

function somePhrase(studio, number = 0) {
  const kept = studio.library.phrases.at(-1 - number);
  if (kept) return `${PHRASES}${kept}.json`;
  return stretchAt(studio, number ? Math.floor(studio.welcome.frames * 0.7) : someFrame(studio));
}
export function somePose(studio) {
  const kept = studio.library.poses.at(-1);
  return kept ? `${POSES}${kept}.json` : momentAt(studio, someFrame(studio));
}

export function newSection(studio, verb) {
  return {
    dance: () => ({ verb, length: 8 }),
    continue: () => ({ verb, length: 6, phrases: [somePhrase(studio)] }),
    between: () => ({ verb, length: 6, keyframes: [`3=${somePose(studio)}`] }),
    vary: () => ({ verb, phrases: [somePhrase(studio)] }),
    blend: () => ({ verb, phrases: [somePhrase(studio), somePhrase(studio, 1)] }),
    loop: () => ({ verb, length: 8, period: 4 }),
    transfer: () => ({ verb, phrases: [somePhrase(studio)], body: studio.welcome.dancers[0] ?? "" }),
  }[verb]();
}

// A kept phrase is shown as it is; a kept pose is where a section begins.
export const ofPhrase = (name) => ({ name, verb: "vary", phrases: [`${PHRASES}${name}.json`], amount: 0 });
export const ofPose = (name) => ({ verb: "between", length: 4, keyframes: [`0=${POSES}${name}.json`] });

export function changeVerb(studio, section, verb) {
  const fresh = newSection(studio, verb), all = new Set(Object.values(OWN).flat());
  const kept = Object.entries(section).filter(([key]) => !all.has(key) || OWN[verb].includes(key));
  const next = { ...fresh, ...Object.fromEntries(kept), verb };
  if (asLong(verb)) delete next.length;
  if (["continue", "vary", "transfer"].includes(verb)) next.phrases = (next.phrases ?? fresh.phrases).slice(0, 1);
  if (verb === "blend" && next.phrases.length < 2) next.phrases = [next.phrases[0], somePhrase(studio, 1)];
  if (next.length === undefined && next.beats === undefined) Object.assign(next, { length: fresh.length });
  if (next.beats !== undefined) delete next.length;
  return next;
}

export function keyframeOf(text) {
  const at = text.indexOf("=");
  return { at_s: Number(text.slice(0, at)) || 0, pose: text.slice(at + 1) };
}
export const keyframeText = ({ at_s, pose }) => `${round(at_s)}=${pose}`;
export const inOrder = (keyframes) => [...keyframes].sort((one, other) => keyframeOf(one).at_s - keyframeOf(other).at_s);

// What a file is called on the shelf.
export const short = (word) => word.replace(/^\.\.\/(phrases|poses|music)\//, "").replace(/\.json(?=$|:)/, "");
export function titleOf(section) {
  const about = (section.phrases ?? []).map(short).join(" → ")
    || (section.keyframes ?? []).map((text) => short(keyframeOf(text).pose)).join(" · ");
  return section.name || about || VERBS[section.verb ?? "dance"].means;
}
