// Colours of the map's points, and the legend that says what they mean.
//
// All of them stand out on the map's dark ground by 3 to 1 or more; kinds are told apart by colour-blind eyes as
// far as so many can be (after Okabe and Ito), amounts grow lighter.

import { make } from "./page.js";

const KINDS = ["#56b4e9", "#e69f00", "#1fb58a", "#f0e442", "#d98cb8", "#e8703a", "#8da0ff", "#b3de69", "#ff9da7", "#7fdbca", "#c3a6ff", "#cfc8c0"];
const AMOUNTS = ["#4d6ce0", "#3f9bd1", "#63c9a9", "#b9e06d", "#fff59a"];
const UNKNOWN = "#8a8f9c", DIM = 0xff3a322e;

const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const packed = ([red, green, blue]) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
const PACKED_KINDS = KINDS.map((colour) => packed(parts(colour)));
const RAMP = Uint32Array.from({ length: 256 }, (_, step) => {
  const at = (step / 255) * (AMOUNTS.length - 1), low = Math.min(Math.floor(at), AMOUNTS.length - 2);
  const [from, to] = [parts(AMOUNTS[low]), parts(AMOUNTS[low + 1])];
  return packed(from.map((value, channel) => Math.round(value + (to[channel] - value) * (at - low))));
});
export const asText = (colour) => `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;

// What points can be coloured by: `number` of a frame's kind, or `amount` from 0 to 1.
function ways(map) {
  const sorted = Float32Array.from(map.energy).sort();
  const [still, fast] = [sorted[Math.floor(sorted.length * 0.02)], sorted[Math.floor(sorted.length * 0.98)]];
  return {
    clip: { kinds: map.clips.map(({ name }, index) => [index, name]), number: (frame) => map.clip[frame] },
    time: {
      amount: (frame) => map.time_s[frame] / Math.max(1e-6, map.time_s[map.clips[map.clip[frame]].start + map.clips[map.clip[frame]].length - 1]),
      ends: ["the clip begins", "it ends"],
    },
    move: {
      kinds: Array.from({ length: map.moves }, (_, index) => [index + 1, `${index + 1}`]),
      number: (frame) => map.move[frame], from: 1, what: "Move",
    },
    energy: { amount: (frame) => (map.energy[frame] - still) / Math.max(1e-6, fast - still), ends: ["still", "fast"] },
  };
}

const colourOfKind = (way, number) =>
  number < (way.from ?? 0) ? packed(parts(UNKNOWN)) : PACKED_KINDS[(number - (way.from ?? 0)) % PACKED_KINDS.length];

// (N,) colours as pixels are stored; those of other kinds than `only` are dim.
export function coloursOf(map, by, only = null) {
  const way = ways(map)[by], colours = new Uint32Array(map.frames);
  for (let frame = 0; frame < map.frames; frame++) {
    if (way.amount) colours[frame] = RAMP[Math.max(0, Math.min(255, Math.round(way.amount(frame) * 255)))];
    else colours[frame] = only === null || way.number(frame) === only ? colourOfKind(way, way.number(frame)) : DIM;
  }
  return colours;
}

// Fill the legend; pressing a kind calls `choose` with its number, pressing it again with null.
export function showLegend(element, map, by, only, choose) {
  const way = ways(map)[by];
  if (way.amount) {
    const bar = make("canvas", { width: 256, height: 1, class: "ramp", role: "img", "aria-label": `from dark, ${way.ends[0]}, to light, ${way.ends[1]}` });
    const drawing = bar.getContext("2d"), picture = drawing.createImageData(256, 1);
    new Uint32Array(picture.data.buffer).set(RAMP);
    drawing.putImageData(picture, 0, 0);
    element.replaceChildren(make("span", {}, way.ends[0]), bar, make("span", {}, way.ends[1]));
    return;
  }
  if (!way.kinds.length) {
    element.replaceChildren(make("span", {}, "The moves are not known yet."));
    return;
  }
  element.replaceChildren(...way.kinds.map(([number, name]) => {
    const spot = make("i", { class: "spot" });
    spot.style.background = asText(colourOfKind(way, number));
    const pressed = number === only;
    return make("button", {
      type: "button", "aria-pressed": pressed, "aria-label": `${way.what ? `${way.what} ` : "Clip "}${name} alone`,
      onclick: () => choose(pressed ? null : number),
    }, spot, name);
  }));
}
