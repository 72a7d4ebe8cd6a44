// Pictures of frames: little ones from sheets, sharp ones singly. Both are fetched when needed, and few are kept.

const SHEETS = (navigator.deviceMemory ?? 8) < 4 ? 10 : 24, SINGLES = 260, AT_ONCE = 4, WIDEST = 320;

export class Pictures {
  // `changed` is called whenever a picture has come.
  constructor(studio, map, changed) {
    Object.assign(this, { studio, map, changed });
    this.sheets = new Kept(SHEETS, 2, (sheet) => studio.url(`api/sheet/${sheet}.jpg`, { of: map.digest }), changed);
    this.singles = new Kept(SINGLES, AT_ONCE, (frame) => studio.url(`api/film/${frame}.jpg`, { of: map.digest }), changed);
  }

  // Draw a frame; whether anything was there to draw. A sharp picture is asked for where a little one would blur.
  draw(drawing, frame, x, y, width, height, ratio) {
    const { thumb, across, sheets } = this.map;
    const single = this.singles.get(frame);
    if (single) { drawing.drawImage(single, x, y, width, height); return true; }
    const number = frame % sheets, cell = Math.floor(frame / sheets), sheet = this.sheets.get(number);
    const rare = this.map.sheetRank[number] >= SHEETS;
    if (rare || (sheet && width * ratio > thumb[0] * 1.3)) this.singles.want(frame);
    if (!sheet) {
      if (!rare) this.sheets.want(number);
      return false;
    }
    drawing.drawImage(sheet, (cell % across) * thumb[0], Math.floor(cell / across) * thumb[1], thumb[0], thumb[1], x, y, width, height);
    return true;
  }

  // Ask for a sharp picture before everything else.
  sharpen(frame) { this.singles.want(frame, true); }

  // What was wanted and is not on its way is wanted no more: the view has changed.
  forget() { this.sheets.forget(); this.singles.forget(); }

  close() { this.sheets.close(); this.singles.close(); }
}

class Kept {
  constructor(most, atOnce, address, changed) {
    Object.assign(this, { most, atOnce, address, changed });
    this.there = new Map();
    this.wanted = new Set();
    this.coming = new Set();
    this.failed = new Set();
  }

  get(key) {
    const found = this.there.get(key);
    if (found) { this.there.delete(key); this.there.set(key, found); } // the latest used stay
    return found;
  }

  want(key, first = false) {
    if (this.there.has(key) || this.coming.has(key) || this.failed.has(key)) return;
    if (first) this.wanted = new Set([key, ...this.wanted]);
    else this.wanted.add(key);
    this.fetch();
  }

  forget() { this.wanted.clear(); }

  async fetch() {
    if (this.coming.size >= this.atOnce || !this.wanted.size || this.closed) return;
    const [key] = this.wanted;
    this.wanted.delete(key);
    this.coming.add(key);
    try {
      const answer = await fetch(this.address(key));
      if (!answer.ok) throw new Error(await answer.text());
      const blob = await answer.blob(), options = { resizeQuality: "medium" };
      let picture = await createImageBitmap(blob);
      if (this.most > 100 && picture.width > WIDEST) {
        picture.close();
        picture = await createImageBitmap(blob, { ...options, resizeWidth: WIDEST });
      }
      this.there.set(key, picture);
      if (this.there.size > this.most) {
        const [oldest] = this.there.keys();
        this.there.get(oldest).close();
        this.there.delete(oldest);
      }
    } catch (error) {
      this.failed.add(key); // asked for again in a while: the server may be starting anew
      setTimeout(() => this.failed.delete(key), 5000);
      console.warn("no picture", key, error);
    }
    this.coming.delete(key);
    if (this.closed) { this.close(); return; }
    this.changed();
    this.fetch();
  }

  close() {
    this.closed = true;
    for (const picture of this.there.values()) picture.close();
    this.there.clear();
  }
}
