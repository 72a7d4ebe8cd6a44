// The ruler and the waveform with its beats, drawn for the part of the line that is seen.

import { seconds } from "./page.js";

const STEPS_S = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300], LABEL_PX = 56, BEAT_PX = 7;
export const RULER_PX = 22, WAVE_PX = 58;

export function drawWave(canvas, { left_s, scale, width, song, length_s }) {
  const ratio = globalThis.devicePixelRatio || 1, height = RULER_PX + (song.wave ? WAVE_PX : 0);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const x = (at_s) => (at_s - left_s) * scale, right_s = left_s + width / scale;
  ruler(pen, { x, left_s, right_s, scale });
  if (!song.wave) return;
  const middle = RULER_PX + WAVE_PX / 2, { peaks, peaks_per_s, duration_s } = song.wave;
  pen.fillStyle = "#20232c";
  pen.fillRect(x(-song.from_s), RULER_PX, duration_s * scale, WAVE_PX);
  for (let at_px = 0; at_px < width; at_px += 1) {
    const first_s = left_s + at_px / scale + song.from_s;
    if (first_s < 0 || first_s > duration_s) continue;
    const first = Math.floor(first_s * peaks_per_s), last = Math.max(first + 1, Math.ceil((first_s + 1 / scale) * peaks_per_s));
    let peak = 0;
    for (let index = first; index < last; index += 1) peak = Math.max(peak, peaks[index] ?? 0);
    const half = Math.max(0.5, (peak / 255) * (WAVE_PX / 2 - 3));
    const within = first_s - song.from_s >= 0 && first_s - song.from_s <= length_s;
    pen.fillStyle = within ? "#7d8aa8" : "#4a5164";
    pen.fillRect(at_px, middle - half, 1, 2 * half);
  }
  const beat_px = (60 / (song.wave.tempo_bpm || 120)) * scale;
  const strong = new Set(song.downbeats.map((at_s) => at_s.toFixed(3)));
  for (const at_s of song.beats) {
    if (at_s < left_s || at_s > right_s) continue;
    const first = strong.has(at_s.toFixed(3));
    if (!first && beat_px < BEAT_PX) continue;
    pen.fillStyle = first ? "#ffb454" : "#ffb45480";
    pen.fillRect(Math.round(x(at_s)), RULER_PX, first ? 2 : 1, first ? WAVE_PX : WAVE_PX * 0.6);
  }
}

function ruler(pen, { x, left_s, right_s, scale }) {
  const step_s = STEPS_S.find((step) => step * scale >= LABEL_PX) ?? STEPS_S.at(-1);
  pen.fillStyle = "#b6bac6";
  pen.font = "12px system-ui, sans-serif";
  for (let at_s = Math.floor(left_s / step_s) * step_s; at_s <= right_s; at_s += step_s) {
    if (at_s < 0) continue;
    pen.fillRect(Math.round(x(at_s)), RULER_PX - 7, 1, 7);
    pen.fillText(seconds(at_s).replace(/\.0 s$/, " s"), x(at_s) + 4, RULER_PX - 8);
  }
}
