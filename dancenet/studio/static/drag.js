// Dragging by mouse, pen or finger: a ghost follows, whoever is below is asked.

import { make } from "./page.js";

const FAR_PX = 6;

// Hear where a pointer goes until it is lifted, also when what it went down on is drawn anew meanwhile.
function follow(pointer, move, end) {
  const heard = new AbortController(), { signal } = heard;
  const mine = (does) => (event) => { if (event.pointerId === pointer) does(event); };
  document.addEventListener("pointermove", mine(move), { signal });
  document.addEventListener("pointerup", mine((event) => { heard.abort(); end(event, true); }), { signal });
  document.addEventListener("pointercancel", mine((event) => { heard.abort(); end(event, false); }), { signal });
}

// Let `element` be dragged: `label` is what the ghost says; `over`, `drop` and `leave` hear where it is.
export function draggable(element, { label, over, drop, leave, click }) {
  element.addEventListener("pointerdown", (from) => {
    if (from.button) return;
    let ghost = null;
    follow(from.pointerId, (event) => {
      if (!ghost) {
        if (Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < FAR_PX) return;
        ghost = make("div", { class: "ghost", "aria-hidden": "true" }, label());
        document.body.append(ghost);
      }
      ghost.style.transform = `translate(${event.clientX + 8}px, ${event.clientY + 8}px)`;
      over(event);
    }, (event, lifted) => {
      ghost?.remove();
      if (ghost && lifted) drop(event);
      else if (ghost) leave();
      else if (lifted) click?.(event);
    });
  });
  // a key does what a click does; the click that follows a pointer was heard already
  element.addEventListener("click", (event) => { if (event.detail === 0) click?.(event); });
}

// Drag something along the line: `move` hears by how many pixels, `done` that it has ended.
export function slidable(element, { begin, move, done }) {
  element.addEventListener("pointerdown", (from) => {
    if (from.button) return;
    from.stopPropagation();
    from.preventDefault();
    begin?.(from);
    follow(from.pointerId, (event) => move(event.clientX - from.clientX, event), (event) => done?.(event));
  });
}
