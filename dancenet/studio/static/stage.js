// The stage: the newest frame, the transport, the sliders.

import { LOOKING_BACK, PAUSED, POSE, SCORE } from "./connection.js";
import { $, calmly, seconds, toast, trouble } from "./page.js";

const SLIDERS = ["temperature", "stray", "energy", "tempo"];

export function startStage(studio) {
  const canvas = $("dancer"), drawing = canvas.getContext("2d");
  let newest = null, busy = false;

  async function draw() {
    if (busy || !newest) return;
    busy = true;
    const { header, jpeg } = newest;
    newest = null;
    try {
      const picture = await createImageBitmap(jpeg);
      drawing.drawImage(picture, 0, 0, canvas.width, canvas.height);
      picture.close();
      studio.lastFrame = { ...header, shown_ms: performance.now() };
      studio.tell("shown", header);
      $("clock").textContent = seconds(Math.abs(header.time_s));
      $("caption").textContent = captionOf(header.flags, header.time_s);
    } catch (error) {
      console.warn("a frame could not be drawn", error);
    }
    busy = false;
    draw();
  }

  studio.on("frame", (frame) => { newest = frame; draw(); });
  studio.on("welcome", ({ width, height, hears, dancers }) => {
    Object.assign(canvas, { width, height });
    $("wardrobe").hidden = !dancers.length;
    $("body").replaceChildren(...dancers.map((name) => new Option(name)));
    $("energy").disabled = !hears;
    $("energy-help").textContent = hears
      ? "Calmer or livelier, as to quiet or loud music" : "This run was trained without music: it has no energy to set";
  });

  const send = calmly((name, value) => studio.send("set", { [name]: value }));
  for (const name of SLIDERS) {
    const slider = $(name);
    slider.addEventListener("input", () => { send(name, slider.valueAsNumber); label(studio, name); });
    slider.addEventListener("dblclick", () => {
      slider.value = slider.defaultValue;
      slider.dispatchEvent(new Event("input"));
    });
  }
  $("body").addEventListener("change", () => studio.ask("set", { dancer: $("body").value }).catch(trouble));
  studio.on("state", (state) => {
    $("body").value = state.dancer;
    for (const name of SLIDERS) {
      if (document.activeElement !== $(name) || !$(name).matches(":active")) $(name).value = state.controls[name];
      label(studio, name);
    }
    $("pause").setAttribute("aria-pressed", state.paused);
    $("pause").textContent = state.paused ? "Go on" : "Pause";
    if (document.activeElement !== $("seed")) $("seed").value = state.seed;
  });

  const actions = {
    pause: () => studio.ask("pause", { paused: !studio.state.paused }).catch(trouble),
    snapshot: () => studio.ask("snapshot").then(({ pose }) => toast(`Kept as ${pose}: see Poses`), trouble),
    restart: () => studio.ask("restart", { seed: Math.floor(Math.random() * 1e6) }).catch(trouble),
  };
  for (const [name, does] of Object.entries(actions)) $(name).addEventListener("click", does);
  $("seed").addEventListener("change", () => {
    const seed = $("seed").valueAsNumber;
    if (Number.isInteger(seed) && seed >= 0) studio.ask("restart", { seed }).catch(trouble);
  });
  return actions;
}

function label(studio, name) {
  const value = $(name).valueAsNumber, output = document.querySelector(`output[for="${name}"]`);
  const beat_s = studio.welcome?.beat_s;
  const bpm = name === "tempo" && beat_s ? ` · ${Math.round((60 / beat_s) * value)} BPM` : "";
  output.textContent = (name === "tempo" ? `${value.toFixed(2)} ×` : value.toFixed(2)) + bpm;
}

function captionOf(flags, time_s) {
  if (flags & LOOKING_BACK) return `${seconds(-time_s)} ago`;
  if (flags & POSE) return "pose desk";
  if (flags & SCORE) return `score · ${seconds(time_s)}`;
  return flags & PAUSED ? "paused" : "";
}
