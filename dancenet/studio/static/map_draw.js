// Draws the map: below the field of points and pictures, above what moves (the dancer, its trail, marks, ways).

import { asText } from "./map_colours.js";

const GROUND = 0xff120e0d, ACCENT = "#ffb454", LIGHT = "#ffffff", FOUND = "#7fe3ff";
const TRAIL_MS = 5000, FARTHEST = 0.16;

export class Field {
  constructor(canvas) {
    this.canvas = canvas;
    this.drawing = canvas.getContext("2d", { alpha: false });
  }

  // Points first: written as pixels, tens of thousands of them take milliseconds; then pictures.
  draw(view, colours, pictures, withPictures) {
    const { canvas, drawing } = this, ratio = canvas.width / view.width;
    this.points(view, colours, ratio);
    if (!withPictures) return;
    pictures.forget();
    const [width, height] = view.pictureSize(), { scale, points } = view;
    drawing.lineWidth = 2 * ratio;
    let missing = 0;
    for (const frame of view.pictured()) {
      const x = view.width / 2 + (points[2 * frame] - view.x) * scale, y = view.height / 2 - (points[2 * frame + 1] - view.y) * scale;
      if (x < -width || y < -height || x > view.width + width || y > view.height + height) continue;
      const box = [(x - width / 2) * ratio, (y - height / 2) * ratio, width * ratio, height * ratio];
      if (!pictures.draw(drawing, frame, ...box, 1)) { missing++; continue; }
      drawing.strokeStyle = asText(colours[frame]);
      drawing.strokeRect(...box);
    }
    this.missing = missing;
  }

  points(view, colours, ratio) {
    const { width, height } = this.canvas, { points, map } = view;
    if (this.pixels?.width !== width || this.pixels?.height !== height) {
      this.pixels = this.drawing.createImageData(width, height);
      this.words = new Uint32Array(this.pixels.data.buffer);
    }
    const words = this.words, scale = view.scale * ratio;
    words.fill(GROUND);
    const side = Math.max(1, Math.round(Math.min(7, (map.frames > 30000 ? 1.3 : 1.8) * view.zoom ** 0.3) * ratio)), half = side >> 1;
    const left = width / 2 - view.x * scale - half, top = height / 2 + view.y * scale - half;
    // the first in the order lie on top
    for (let at = map.frames - 1; at >= 0; at--) {
      const frame = map.order[at];
      const x = Math.round(left + points[2 * frame] * scale), y = Math.round(top - points[2 * frame + 1] * scale);
      if (x < 0 || y < 0 || x + side >= width || y + side >= height) continue;
      const colour = colours[frame];
      for (let row = y * width + x, last = row + side * width; row < last; row += width)
        for (let pixel = row; pixel < row + side; pixel++) words[pixel] = colour;
    }
    this.drawing.putImageData(this.pixels, 0, 0);
  }
}

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.drawing = canvas.getContext("2d");
  }

  // `marks`: cursor and pointed (frames or -1), way and found (lists of frames), stroke (places on the screen),
  // trail ([{frame, ms}], the latest last).
  draw(view, marks, now_ms) {
    const { canvas, drawing } = this, ratio = canvas.width / view.width;
    drawing.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawing.clearRect(0, 0, view.width, view.height);
    drawing.lineJoin = drawing.lineCap = "round";
    this.trail(view, marks.trail, now_ms);
    for (const [rank, frame] of marks.found.entries()) this.ring(view.screen(frame), rank ? 8 : 12, FOUND, rank ? 2 : 4);
    if (marks.stroke.length > 1) this.line(marks.stroke, ACCENT, 3);
    if (marks.way.length) {
      const places = marks.way.map((frame) => view.screen(frame));
      this.line(places, ACCENT, 2, [6, 5]);
      for (const place of places) this.spot(place, 4, ACCENT);
    }
    if (marks.pointed >= 0) this.ring(view.screen(marks.pointed), 9, LIGHT, 2);
    if (marks.cursor >= 0) this.cross(view.screen(marks.cursor));
  }

  trail(view, trail, now_ms) {
    const { drawing } = this, { points } = view;
    let before = null;
    for (const { frame, ms } of trail) {
      const place = view.screen(frame), fresh = 1 - (now_ms - ms) / TRAIL_MS;
      if (before !== null && fresh > 0) {
        const far = Math.hypot(points[2 * frame] - points[2 * before.frame], points[2 * frame + 1] - points[2 * before.frame + 1]) > FARTHEST;
        drawing.globalAlpha = (far ? 0.35 : 0.95) * fresh;
        this.line([before.place, place], ACCENT, far ? 1 : 1 + 2 * fresh, far ? [3, 5] : []);
      }
      before = { frame, place };
    }
    drawing.globalAlpha = 1;
    if (before) {
      this.spot(before.place, 7, "#000000");
      this.spot(before.place, 5.5, ACCENT);
      this.spot(before.place, 2.5, LIGHT);
    }
  }

  line(places, colour, width, dashes = []) {
    const { drawing } = this;
    drawing.setLineDash(dashes);
    drawing.strokeStyle = colour;
    drawing.lineWidth = width;
    drawing.beginPath();
    for (const [x, y] of places) drawing.lineTo(x, y);
    drawing.stroke();
    drawing.setLineDash([]);
  }

  spot([x, y], radius, colour) {
    const { drawing } = this;
    drawing.fillStyle = colour;
    drawing.beginPath();
    drawing.arc(x, y, radius, 0, 7);
    drawing.fill();
  }

  ring(place, radius, colour, width) {
    const { drawing } = this;
    for (const [ink, wide] of [["#000000", width + 2], [colour, width]]) {
      drawing.strokeStyle = ink;
      drawing.lineWidth = wide;
      drawing.beginPath();
      drawing.arc(...place, radius, 0, 7);
      drawing.stroke();
    }
  }

  cross([x, y]) {
    this.ring([x, y], 12, LIGHT, 2);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]])
      this.line([[x + dx * 9, y + dy * 9], [x + dx * 17, y + dy * 17]], LIGHT, 2);
  }
}

// Of a trail only what has not faded, and no more than it takes.
export const faded = (trail, now_ms) => {
  while (trail.length > 1 && (now_ms - trail[0].ms > TRAIL_MS || trail.length > 200)) trail.shift();
};
