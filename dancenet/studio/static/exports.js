// The Export tab: what is to be made, how far it is, what was made and the command that makes it again.

import { $, make, seconds, toast, trouble } from "./page.js";

const FORMS = { mp4: "Video with sound (mp4)", gif: "Moving picture (GIF)", png: "Every frame (PNGs in a zip)", sheet: "Contact sheet (PNG)" };
const size = (bytes) => (bytes > 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.ceil(bytes / 1000)} kB`);

export function startExports(studio, score) {
  const panel = $("export"), what = make("select", { id: "export-what" });
  const forms = make("fieldset", { class: "column" }, make("legend", {}, "As"), ...Object.entries(FORMS).map(([form, name], index) =>
    make("label", { class: "row" }, make("input", { type: "radio", name: "form", value: form, checked: !index }), name)));
  const begin = make("button", { type: "button", id: "export-begin", class: "primary" }, "Export");
  const running = make("div", { id: "export-running", class: "column", role: "status" });
  const list = make("ul", { id: "export-list", class: "column" });
  panel.append(make("div", { class: "row" }, make("label", { for: "export-what" }, "Export"), what), forms, begin, running, make("h2", {}, "Made so far"), list);

  function choices() {
    const { scores, phrases, phrases_s } = studio.library, before = what.value;
    const names = [...new Set([...scores, ...(score.model.name && score.model.sections.length ? [score.model.name] : [])])];
    const group = (label, kind, all) => (all.length ? [make("optgroup", { label }, ...all.map((name) =>
      make("option", { value: `${kind} ${name}` }, kind === "phrase" ? `${name} (${seconds(phrases_s[name] ?? 0)})` : name)))] : []);
    what.replaceChildren(...group("Scores", "score", names), ...group("Kept phrases", "phrase", phrases));
    const wanted = [before, `score ${score.model.name}`].find((value) => [...what.options].some((option) => option.value === value));
    if (wanted) what.value = wanted;
    begin.disabled = !what.options.length;
    begin.title = begin.disabled ? "Keep a phrase or make a score first" : "";
  }
  studio.on("tab", (tab) => {
    document.body.classList.toggle("exporting", tab === "export");
    if (tab !== "export") return;
    if (score.model.name && score.model.sections.length && studio.connected) { what.value = ""; }
    if (studio.library) choices();
  });

  begin.addEventListener("click", async () => {
    const [kind, name] = what.value.split(" "), form = panel.querySelector("[name=form]:checked").value;
    begin.disabled = true;
    setTimeout(() => { begin.disabled = false; }, 600);
    try {
      if (kind === "score" && name === score.model.name && !(await score.model.settled())) throw new Error("The score is not saved yet");
      const { file } = await studio.ask("export", { kind, name, form });
      toast(`${file} is made`);
    } catch (error) { trouble(error); }
  });

  // what is being made

  const rows = new Map();
  studio.on("progress", ({ job, what: says, share, left_s, done, result }) => {
    if (!result?.export) return;
    if (done) { rows.get(job)?.remove(); rows.delete(job); return; }
    if (!rows.has(job)) {
      const row = make("div", { class: "panel" }, make("div", { class: "row" }, make("strong", {}, result.export), make("span", { class: "quiet grow" })),
        make("progress", { max: 1, "aria-label": `progress of ${result.export}` }),
        make("button", { type: "button", onclick: () => studio.ask("cancel", { job }).catch(trouble), "aria-label": `Cancel ${result.export}` }, "Cancel"));
      rows.set(job, row);
      running.append(row);
    }
    const row = rows.get(job);
    row.querySelector(".quiet").textContent = says + (share > 0.05 && left_s > 1 ? ` · about ${Math.ceil(left_s)} s left` : "");
    if (share) row.querySelector("progress").value = share;
  });
  studio.on("lost", () => { for (const row of rows.values()) row.remove(); rows.clear(); });

  // what was made

  function preview(file) {
    const src = studio.url(`api/exports/${file}`);
    if (file.endsWith(".mp4")) return make("video", { src: `${src}#t=0.1`, controls: true, preload: "metadata", playsInline: true, "aria-label": file });
    if (/\.(gif|png)$/.test(file)) return make("img", { src, alt: `preview of ${file}`, loading: "lazy" });
    return make("p", { class: "quiet" }, "numbered pictures, 0001.png and on");
  }
  function itemOf({ file, bytes, toml, command }) {
    const stem = toml.replace(/\.toml$/, "");
    const copy = make("button", { type: "button", "aria-label": `Copy the command that makes ${file}`, onclick: async () => {
      try {
        await navigator.clipboard.writeText(command);
        toast("The command is copied");
      } catch { getSelection().selectAllChildren(line); toast("Press Ctrl C: the command is marked"); }
    } }, "Copy");
    const line = make("code", { tabIndex: 0 }, command);
    return make("li", { class: "panel" },
      make("div", { class: "row" }, make("strong", { class: "name" }, file), make("span", { class: "quiet grow" }, size(bytes)),
        make("a", { class: "button", href: studio.url(`api/exports/${file}`, { download: "" }), download: file }, "Download"),
        make("a", { class: "button", href: studio.url(`api/exports/${toml}`, { download: "" }), download: toml, "aria-label": `The score of ${file}` }, "TOML"),
        make("button", { type: "button", "aria-label": `Remove ${file}`, onclick: () => studio.ask("remove", { kind: "export", name: stem }).catch(trouble) }, "✕")),
      preview(file), make("div", { class: "row command" }, line, copy));
  }
  let shown = "";
  studio.on("library", (library) => {
    choices();
    const now = JSON.stringify(library.exports);
    if (now === shown) return;
    shown = now;
    list.replaceChildren(...library.exports.map(itemOf));
    if (!library.exports.length) list.append(make("li", { class: "empty" }, "Nothing yet."));
  });
  score.model.on("list", () => studio.library && choices());
}
