// The pose desk: directions as sliders, saved poses mixed, baskets of frames that make a new direction.

import { $, askName, calmly, make, toast, trouble } from "./page.js";

const REACH = 3;

// Of a slider, a number that each movement of the hand has for itself: one ends when the slider is let go.
function gestures(slider) {
  let number = Date.now();
  slider.addEventListener("change", () => { number += 1; });
  return () => number;
}

export function startDesk(studio) {
  const panel = $("desk");
  const undo = make("button", { type: "button", onclick: () => studio.ask("undo").catch(trouble) }, "Undo");
  const redo = make("button", { type: "button", onclick: () => studio.ask("redo").catch(trouble) }, "Redo");
  const straight = make("button", { type: "button", onclick: () => bendAll(0) }, "All to 0");
  const sliders = make("fieldset", { class: "sliders" }, make("legend", {}, "Bend what is shown"));
  const mixing = make("fieldset", { class: "sliders" }, make("legend", {}, "Mix of poses"));
  const shelf = make("ul", { class: "shelf" });
  const baskets = { having: new Set(), lacking: new Set() };
  const name = make("input", { id: "direction-name", placeholder: "arms_up", maxLength: 60 });
  const learn = make("button", { type: "button", onclick: learnDirection }, "Make the direction");
  const told = { having: make("span", { class: "quiet" }), lacking: make("span", { class: "quiet" }) };
  const add = (kind, word) => make("button", { type: "button", onclick: () => addShown(kind) }, `+ ${word}`);
  panel.append(
    make("div", { class: "row" }, undo, redo, straight,
      make("button", { type: "button", onclick: () => studio.ask("snapshot").then(({ pose }) => toast(`Kept as ${pose}`), trouble) }, "Keep this pose")),
    sliders, mixing,
    make("h2", {}, "Saved poses"), shelf,
    make("fieldset", {}, make("legend", {}, "A direction of your own"),
      make("p", { class: "quiet" }, "Pause or look back where the dancer does it, and put the frame into the first basket; into the second what lacks it. Better twenty of each than two."),
      make("div", { class: "row" }, add("having", "has it"), told.having, add("lacking", "lacks it"), told.lacking,
        make("button", { type: "button", onclick: emptyBaskets }, "Empty both")),
      make("div", { class: "row" }, make("label", { for: "direction-name" }, "Name"), name, learn)),
  );

  const bend = calmly((direction, amount, gesture) => studio.send("bend", { amounts: { [direction]: amount }, gesture }));
  const bendAll = (amount) => studio.ask("bend", { amounts: Object.fromEntries(studio.directions.map((one) => [one.name, amount])) }).catch(trouble);

  studio.on("directions", (directions) => {
    sliders.replaceChildren(sliders.firstChild, ...directions.flatMap(({ name: direction }) => {
      const id = `bend-${direction}`;
      const slider = make("input", { id, type: "range", min: -REACH, max: REACH, step: 0.05, value: studio.state.amounts[direction] ?? 0 });
      const hand = gestures(slider);
      slider.addEventListener("input", () => { bend(direction, slider.valueAsNumber, hand()); output.textContent = slider.value; });
      slider.addEventListener("dblclick", () => studio.ask("bend", { amounts: { [direction]: 0 } }).catch(trouble));
      const output = make("output", { for: id }, slider.value);
      const looks = make("img", { class: "ends", src: studio.url(`api/direction/${direction}.jpg`), loading: "lazy",
        alt: `what ${direction} does, from one end to the other` });
      return [make("label", { for: id }, direction, output), make("div", { class: "bent" }, looks, slider)];
    }));
  });

  studio.on("state", ({ amounts, can, mix }) => {
    undo.disabled = !can.undo;
    redo.disabled = !can.redo;
    for (const { name: direction } of studio.directions ?? []) {
      const slider = document.getElementById(`bend-${direction}`);
      if (slider && !slider.matches(":active")) slider.value = amounts[direction] ?? 0;
      const output = document.querySelector(`output[for="bend-${direction}"]`);
      if (output && slider) output.textContent = Number(slider.value).toFixed(2);
    }
    showMix(mix);
  });

  function showMix({ poses, weights }) {
    mixing.hidden = !poses.length;
    if ([...mixing.querySelectorAll("input")].some((slider) => slider.matches(":active"))) return;
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    const shareOf = (index) => `${Math.round((100 * weights[index]) / whole)} %`;
    const change = calmly((index, value, gesture) => {
      const changed = weights.with(index, value);
      if (changed.some((weight) => weight > 0)) studio.send("mix", { poses, weights: changed, gesture });
    });
    mixing.replaceChildren(mixing.firstChild, ...poses.flatMap((pose, index) => {
      const slider = make("input", { id: `mix-${index}`, type: "range", min: 0, max: 1, step: 0.01, value: weights[index] });
      const output = make("output", { for: slider.id }, shareOf(index));
      const hand = gestures(slider);
      slider.addEventListener("input", () => { change(index, slider.valueAsNumber, hand()); });
      return [make("label", { for: slider.id }, pose, output), slider];
    }), make("button", { type: "button", onclick: () => studio.ask("mix").catch(trouble) }, "Back to the dance"));
  }

  const inMix = (pose) => studio.state.mix.poses.includes(pose);
  function toggleMix(pose) {
    const { poses, weights } = studio.state.mix;
    const rest = poses.map((one, index) => [one, weights[index]]).filter(([one]) => one !== pose);
    const chosen = inMix(pose) ? rest : [...rest, [pose, 1]];
    studio.ask("mix", { poses: chosen.map(([one]) => one), weights: chosen.map(([, weight]) => weight) }).catch(trouble);
  }

  function showShelf() {
    const { poses } = studio.library;
    shelf.replaceChildren(...poses.map((pose) => make("li", {},
      make("img", { src: studio.url(`api/saved/pose/${pose}.jpg`), alt: `the pose ${pose}`, loading: "lazy" }),
      make("span", { class: "name" }, pose),
      make("div", { class: "row" },
        make("button", { type: "button", "aria-label": `Go to ${pose}`, onclick: () => studio.ask("go", { pose }).catch(trouble) }, "Go"),
        make("button", { type: "button", "aria-label": `Mix ${pose}`, "aria-pressed": inMix(pose), onclick: () => toggleMix(pose) }, "Mix"),
        make("button", { type: "button", "aria-label": `Rename ${pose}`, onclick: () => rename(pose) }, "Name"),
        make("button", { type: "button", "aria-label": `Put ${pose} away`, onclick: () => studio.ask("remove", { kind: "pose", name: pose }).catch(trouble) }, "✕")))));
    if (!poses.length) shelf.append(make("p", { class: "empty" }, "None yet: press Snapshot, or S, when you like what you see."));
  }
  studio.on("library", showShelf);
  studio.on("state", ({ mix }) => {
    for (const button of shelf.querySelectorAll("button[aria-pressed]"))
      button.setAttribute("aria-pressed", mix.poses.includes(button.getAttribute("aria-label").slice(4)));
  });

  function rename(pose) {
    const to = askName(`A name for ${pose}`, pose);
    if (to && to !== pose) studio.ask("rename", { kind: "pose", name: pose, to }).catch(trouble);
  }

  // A frame of the film by its number, as CLIP:SECOND.
  function momentOf(frame) {
    const clip = studio.welcome.clips.findLast(({ start }) => start <= frame);
    return `${clip.name}:${((frame - clip.start) / studio.welcome.film_fps).toFixed(3)}`;
  }
  function addShown(kind) {
    if (studio.lastFrame) baskets[kind].add(momentOf(studio.lastFrame.nearest));
    keepBaskets();
  }
  function emptyBaskets() {
    Object.values(baskets).forEach((basket) => basket.clear());
    keepBaskets();
  }
  // They belong to this browser, and outlive its page.
  const basketsKey = () => `dancenet baskets ${studio.run}`;
  studio.on("welcome", () => {
    const kept = JSON.parse(localStorage.getItem(basketsKey()) ?? "{}");
    for (const kind of Object.keys(baskets)) baskets[kind] = new Set(kept[kind] ?? []);
    showBaskets();
  });
  function keepBaskets() {
    localStorage.setItem(basketsKey(), JSON.stringify({ having: [...baskets.having], lacking: [...baskets.lacking] }));
    showBaskets();
  }
  function showBaskets() {
    for (const kind of Object.keys(baskets)) told[kind].textContent = `${baskets[kind].size} frames`;
    learn.disabled = baskets.having.size < 2 || baskets.lacking.size < 2;
  }
  async function learnDirection() {
    const wanted = name.value.trim().replace(/[^A-Za-z0-9_-]+/g, "-");
    if (!wanted) { toast("Give the direction a name first", true); return; }
    try {
      await studio.ask("learn", { name: wanted, having: [...baskets.having], lacking: [...baskets.lacking] });
      toast(`${wanted} has a slider now`);
      emptyBaskets();
    } catch (error) { trouble(error); }
  }
  showBaskets();
  // The map puts frames into the baskets too.
  return { put: (kind, frame) => { baskets[kind].add(momentOf(frame)); keepBaskets(); } };
}
