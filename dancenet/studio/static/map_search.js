// Search by an image: dropped on the map, or chosen as a file.

import { make, toast, trouble } from "./page.js";

const MOST_BYTES = 12e6;

// `panel` takes files dropped on it; `show` is called with the frames found, the likest first.
export function startSearch(studio, panel, show) {
  const file = make("input", { type: "file", accept: "image/jpeg,image/png,image/webp", class: "hidden-file", id: "map-image" });
  const button = make("label", { for: "map-image", class: "button" }, "Find an image …");
  const list = make("ul", { class: "shelf", "aria-label": "Moments that look like the image" });
  const heading = make("h3", { tabIndex: -1 }), clear = make("button", { type: "button", onclick: close }, "Close");
  const results = make("section", { class: "found", hidden: true, "aria-label": "Search by image" },
    make("div", { class: "row" }, heading, clear), list);

  studio.on("welcome", ({ encodes }) => {
    file.disabled = !encodes;
    button.classList.toggle("off", !encodes);
    button.title = encodes ? "or drop one on the map" : "The built-in dancer's model has no encoder: images can be searched by in a run of your own";
  });

  async function search(image) {
    if (image.size > MOST_BYTES) { toast("The image has more than 12 MB; make it smaller", true); return; }
    panel.classList.add("busy");
    try {
      const answer = await fetch(studio.url("api/search"), { method: "POST", body: image });
      if (!answer.ok) throw new Error(await answer.text());
      const { found } = await answer.json();
      display(found);
    } catch (error) {
      trouble(error);
    } finally {
      panel.classList.remove("busy");
    }
  }

  function display(found) {
    results.hidden = false;
    heading.textContent = found[0].distance > 0.7
      ? "Nothing in the film looks much like it; the nearest moments"
      : "Moments that look like it";
    show(found.map(({ frame }) => frame));
    const { map } = studio.map;
    list.replaceChildren(...found.map(({ frame, distance }) => make("li", {},
      make("img", { src: studio.url(`api/film/${frame}.jpg`, { of: map.digest }), alt: "", loading: "lazy" }),
      make("button", { type: "button", onclick: () => studio.map.go(frame), "aria-label": `Go to ${map.told(frame)}` },
        `${map.moment(frame)} · ${Math.round(100 * Math.max(0, 1 - distance))} %`))));
    heading.focus({ preventScroll: true });
  }

  function close() {
    results.hidden = true;
    show([]);
  }

  file.addEventListener("change", () => {
    if (file.files[0]) search(file.files[0]);
    file.value = "";
  });
  const holdsFile = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].includes("Files");
  for (const what of ["dragenter", "dragover"]) panel.addEventListener(what, (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    panel.classList.add("dropping");
  });
  panel.addEventListener("dragleave", ({ relatedTarget }) => panel.contains(relatedTarget) || panel.classList.remove("dropping"));
  panel.addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    panel.classList.remove("dropping");
    if (file.disabled) toast(button.title, true);
    else if (event.dataTransfer.files[0]) search(event.dataTransfer.files[0]);
  });
  return { controls: [file, button], results, close, search };
}
