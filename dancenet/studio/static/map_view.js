// Which part of the plane is seen, what lies where on the screen, and which frames have their picture shown.
//
// The plane goes from -1 to 1, y upwards; the screen is in CSS pixels. `zoom` 1 shows all of the plane.

const RIM = 1.06, WIDEST = 0.6, LEVELS_PER_OCTAVE = 3;
// Closest, neighbours lie so many pixels apart, as far as the median of some frames tells; within these bounds.
const APART = 150, CLOSEST = [20, 2000], ASKED = 150;

export class View {
  constructor(map, points) {
    this.width = this.height = 1;
    this.take(map, points);
    this.whole();
  }

  // Show another film, or another plane: points (2 N) one after another.
  take(map, points) {
    this.map = map;
    this.points = points;
    this.levels = [];
    this.gap = null;
    let [across, up] = [1e-6, 1e-6];
    for (let frame = 0; frame < map.frames; frame++) {
      across = Math.max(across, Math.abs(points[2 * frame]));
      up = Math.max(up, Math.abs(points[2 * frame + 1]));
    }
    this.half = [across, up];
  }

  whole() { Object.assign(this, { zoom: 1, x: 0, y: 0 }); }

  resize(width, height) { Object.assign(this, { width, height, levels: [] }); }

  // Closer than this shows nothing more.
  get closest() {
    if (this.gap === null) {
      const away = Array.from({ length: ASKED }, (_, at) => this.away(Math.floor((at * this.map.frames) / ASKED))).sort((one, other) => one - other);
      this.gap = away[ASKED >> 1];
    }
    return Math.max(CLOSEST[0], Math.min(CLOSEST[1], APART / Math.max(1e-9, this.gap * this.base)));
  }

  // How far from a frame the nearest of another moment lies.
  away(frame) {
    const { points, map } = this;
    let least = Infinity;
    for (let other = 0; other < map.frames; other++) {
      if (Math.abs(other - frame) < 8) continue;
      least = Math.min(least, (points[2 * other] - points[2 * frame]) ** 2 + (points[2 * other + 1] - points[2 * frame + 1]) ** 2);
    }
    return Math.sqrt(least);
  }

  // Pixels from 0 to 1 of the plane.
  get scale() { return this.zoom * this.base; }
  get base() { return Math.min(this.width / this.half[0], this.height / this.half[1]) / (2 * RIM); }

  screen(frame) {
    const { scale, points } = this;
    return [this.width / 2 + (points[2 * frame] - this.x) * scale, this.height / 2 - (points[2 * frame + 1] - this.y) * scale];
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
    this.x = Math.max(-1, Math.min(1, this.x));
    this.y = Math.max(-1, Math.min(1, this.y));
  }

  // Zoom, the place at (sx, sy) on the screen staying where it is; or the frame nearby, so as not to end in the void.
  zoomBy(factor, sx = this.width / 2, sy = this.height / 2) {
    const frame = factor > 1 ? this.nearest(sx, sy, Math.max(this.width, this.height) / 2) : -1;
    if (frame >= 0) [sx, sy] = this.screen(frame);
    const before = this.scale;
    this.zoom = Math.max(WIDEST, Math.min(this.closest, this.zoom * factor));
    const moved = 1 / before - 1 / this.scale;
    this.x += (sx - this.width / 2) * moved;
    this.y -= (sy - this.height / 2) * moved;
  }

  // Bring a frame into view; `zoom`, if given, is gone to as well.
  centre(frame, zoom = this.zoom) {
    this.zoom = zoom;
    this.x = this.points[2 * frame];
    this.y = this.points[2 * frame + 1];
  }

  holds(frame, rim = 24) {
    const [x, y] = this.screen(frame);
    return x > rim && y > rim && x < this.width - rim && y < this.height - rim;
  }

  // The frame nearest to a place on the screen, -1 if none is within so many pixels.
  nearest(sx, sy, within = 28) {
    const { points, scale, map } = this;
    const x = this.x + (sx - this.width / 2) / scale, y = this.y - (sy - this.height / 2) / scale;
    let best = -1, least = (within / scale) ** 2;
    for (let frame = 0; frame < map.frames; frame++) {
      const away = (points[2 * frame] - x) ** 2 + (points[2 * frame + 1] - y) ** 2;
      if (away < least) { least = away; best = frame; }
    }
    return best;
  }

  // The next frame from one in a direction (dx, dy) on the screen, at least so many pixels away; itself if none is.
  next(from, dx, dy, least = 9) {
    const { points, map, scale } = this;
    const [x, y] = [points[2 * from], points[2 * from + 1]];
    let best = from, shortest = Infinity;
    for (let frame = 0; frame < map.frames; frame++) {
      const [right, down] = [(points[2 * frame] - x) * scale, (y - points[2 * frame + 1]) * scale];
      const ahead = right * dx + down * dy, aside = Math.abs(right * dy) + Math.abs(down * dx);
      if (ahead < least || aside > ahead) continue;
      const away = ahead + 1.5 * aside;
      if (away < shortest) { shortest = away; best = frame; }
    }
    return best;
  }

  // Frames along a line [[x, y], ...] drawn on the screen, so far apart that a way between them has room.
  along(line, apart = 44, within = 22) {
    const { map } = this, found = [];
    const add = (x, y) => {
      const frame = this.continuing(found.at(-1), x, y, within);
      if (frame >= 0 && frame !== found.at(-1)) found.push(frame);
    };
    let [before, gone] = [line[0], 0];
    add(...before);
    for (const point of line) {
      gone += Math.hypot(point[0] - before[0], point[1] - before[1]);
      before = point;
      if (gone >= apart) { add(...point); gone = 0; }
    }
    if (gone) add(...before);
    const step = Math.max(1, found.length / 60);
    const kept = Array.from({ length: Math.ceil(found.length / step) }, (_, index) => found[Math.floor(index * step)]);
    if (found.length && kept.at(-1) !== found.at(-1)) kept.push(found.at(-1));
    return kept.filter((frame) => frame < map.frames);
  }

  // The frame at a place of the screen, rather one that follows soon on the one before than any other nearby.
  continuing(before, x, y, within) {
    const { map } = this, nearest = this.nearest(x, y, 2 * within);
    if (before === undefined || nearest < 0) return nearest;
    const soon = Math.round(2.5 / Math.max(1e-3, map.time_s[map.clips[map.clip[before]].start + 1] || 0.1));
    for (let ahead = 1; ahead <= soon; ahead++) {
      const frame = before + ahead;
      if (frame >= map.frames || map.clip[frame] !== map.clip[before]) break;
      const [sx, sy] = this.screen(frame);
      if (Math.hypot(sx - x, sy - y) < within) return frame;
    }
    return nearest;
  }

  // Width and height of pictures on the screen at this zoom.
  pictureSize(zoom = this.zoom) {
    const [width, height] = this.map.thumb;
    const longest = 46 * Math.max(1, zoom) ** 0.27 * Math.min(1.5, Math.max(1, Math.min(this.width, this.height) / 620));
    return [width, height].map((side) => (side * longest) / Math.max(width, height));
  }

  // Frames whose picture is shown at this zoom: none covers another; who is shown stays shown further in.
  pictured() {
    const level = Math.max(0, Math.floor(Math.log2(this.zoom) * LEVELS_PER_OCTAVE));
    for (let from = this.levels.length; from <= level; from++) this.levels.push(this.picked(from, this.levels[from - 1] ?? []));
    return this.levels[level];
  }

  picked(level, before) {
    const { map, points } = this, zoom = 2 ** (level / LEVELS_PER_OCTAVE);
    const gap = 1.04 + 0.3 / (1 + level), [width, height] = this.pictureSize(zoom).map((side) => (side * gap) / (this.base * zoom));
    const cells = new Map(), chosen = [];
    const free = (x, y) => {
      const column = Math.floor(x / width), row = Math.floor(y / height);
      for (let dx = -1; dx <= 1; dx++) for (let dy = -1; dy <= 1; dy++) {
        const other = cells.get((column + dx) * 65536 + row + dy);
        if (other !== undefined && Math.abs(points[2 * other] - x) < width && Math.abs(points[2 * other + 1] - y) < height) return null;
      }
      return column * 65536 + row;
    };
    const put = (frame, cell) => { cells.set(cell, frame); chosen.push(frame); };
    for (const frame of before) put(frame, Math.floor(points[2 * frame] / width) * 65536 + Math.floor(points[2 * frame + 1] / height));
    // far out one sheet of thumbnails is enough
    const most = Math.min(map.frames, Math.ceil((map.frames / map.sheets) * (1 + level + level ** 2 / 4)));
    for (let at = 0; at < most; at++) {
      const frame = map.order[at], cell = free(points[2 * frame], points[2 * frame + 1]);
      if (cell !== null) put(frame, cell);
    }
    return chosen;
  }
}
