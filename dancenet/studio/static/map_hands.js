// Hands on the map: mouse, touch and keys become `does.go`, `does.follow`, `does.point` ... No drawing here.

const STILL = 6, STEP = 1.35, PAN = 60;
const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// `state.drags` is "draw" or "move": what dragging with one finger or the main button does.
export function handsOn(canvas, state, does) {
  const fingers = new Map();
  let stroke = null, moving = false, pinch = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const ready = () => state.view !== null;

  canvas.addEventListener("pointerdown", (event) => {
    if (!ready() || event.button > 1) return;
    if (event.button === 1) event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    fingers.set(event.pointerId, at(event));
    if (fingers.size === 2) { // two fingers move and zoom, whatever one had begun
      stroke = null;
      does.stroke([]);
      pinch = spread(fingers);
      return;
    }
    moving = event.button === 1 || event.shiftKey || state.drags === "move";
    stroke = [at(event)];
  });

  canvas.addEventListener("pointermove", (event) => {
    if (!ready()) return;
    const place = at(event), before = fingers.get(event.pointerId);
    if (!before) { does.point(place); return; }
    fingers.set(event.pointerId, place);
    if (pinch && fingers.size === 2) {
      const now = spread(fingers);
      state.view.pan(now.x - pinch.x, now.y - pinch.y);
      state.view.zoomBy(now.apart / pinch.apart, now.x, now.y);
      pinch = now;
      does.moved();
      return;
    }
    if (!stroke) return;
    if (stroke.length === 1 && Math.hypot(place[0] - stroke[0][0], place[1] - stroke[0][1]) < STILL) return;
    stroke.push(place);
    if (moving) {
      state.view.pan(place[0] - before[0], place[1] - before[1]);
      does.moved();
    } else does.stroke(stroke);
  });

  function end(event, finished) {
    if (!fingers.delete(event.pointerId)) return;
    if (fingers.size < 2) pinch = null;
    const done = stroke;
    stroke = null;
    if (!done || !ready()) return;
    does.stroke([]);
    if (!finished) return;
    if (done.length === 1) {
      if (event.button !== 1) does.press(done[0], event.shiftKey);
    } else if (!moving) does.follow(done);
  }
  canvas.addEventListener("pointerup", (event) => end(event, true));
  canvas.addEventListener("pointercancel", (event) => end(event, false));
  canvas.addEventListener("pointerleave", () => fingers.size || does.point(null));

  canvas.addEventListener("wheel", (event) => {
    if (!ready()) return;
    event.preventDefault();
    const lines = event.deltaMode ? 30 : 1;
    state.view.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), ...at(event));
    does.moved();
  }, { passive: false });

  canvas.addEventListener("keydown", (event) => {
    if (!ready() || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) state.view.pan(-arrow[0] * PAN, -arrow[1] * PAN);
    else if (arrow) does.step(...arrow);
    else if (event.key === "Enter") does.enter(event.shiftKey);
    else if (event.key === "+" || event.key === "=") does.zoom(STEP);
    else if (event.key === "-" || event.key === "_") does.zoom(1 / STEP);
    else if (event.key === "0") does.whole();
    else if (event.key === "Escape") does.clear();
    else return;
    event.preventDefault();
    event.stopPropagation();
    does.moved();
  });
}

// Middle of two fingers, and how far they are apart.
function spread(fingers) {
  const [[x, y], [x2, y2]] = fingers.values();
  return { x: (x + x2) / 2, y: (y + y2) / 2, apart: Math.max(10, Math.hypot(x - x2, y - y2)) };
}
