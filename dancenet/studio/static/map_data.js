// What the map shows: where frames lie, and what is known of each. `film_map.FilmMap.told` describes the bytes.

const TYPES = { float32: Float32Array, uint16: Uint16Array };

export async function loadMap(studio) {
  const answer = await fetch(studio.url("api/map"));
  if (!answer.ok) throw new Error(await answer.text());
  return new FilmMap(await answer.arrayBuffer(), studio.welcome);
}

export class FilmMap {
  constructor(buffer, welcome) {
    const long = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, long)));
    Object.assign(this, header);
    let at = 4 + long;
    for (const { name, type, shape } of header.columns) {
      const column = new TYPES[type](buffer, at, shape.reduce((one, other) => one * other, 1));
      this[name] = column;
      at += Math.ceil(column.byteLength / 4) * 4;
    }
    this.clips = welcome.clips;
    this.moves = this.move.reduce((most, move) => Math.max(most, move), 0);
    this.order = this.ordered();
  }

  // Frames so that any first part of them shows the whole film: sheet by sheet, sheets far apart first.
  ordered() {
    const { frames, sheets } = this;
    const bits = Math.ceil(Math.log2(Math.max(2, sheets)));
    const turned = (number) => parseInt(number.toString(2).padStart(bits, "0").split("").reverse().join(""), 2);
    this.sheetOrder = Array.from({ length: sheets }, (_, sheet) => sheet).sort((one, other) => turned(one) - turned(other));
    this.sheetRank = new Uint16Array(sheets);
    this.sheetOrder.forEach((sheet, rank) => { this.sheetRank[sheet] = rank; });
    const order = new Uint32Array(frames);
    let at = 0;
    for (const sheet of this.sheetOrder) {
      const cells = Math.ceil((frames - sheet) / sheets), stride = coprime(cells);
      for (let cell = 0; cell < cells; cell++) order[at++] = sheet + ((cell * stride) % cells) * sheets;
    }
    return order;
  }

  // A frame of the film by its number, as CLIP:SECOND.
  moment(frame) {
    return `${this.clips[this.clip[frame]].name}:${Number(this.time_s[frame].toFixed(3))}`;
  }

  // Everything known of a frame in a line.
  told(frame) {
    const move = this.move[frame] ? ` · move ${this.move[frame]}` : "";
    return `${this.moment(frame)}${move} · energy ${this.energy[frame].toFixed(1)}`;
  }
}

// A step through so many cells that visits each once, and neighbours late.
function coprime(count) {
  const divisor = (one, other) => (other ? divisor(other, one % other) : one);
  let step = Math.max(1, Math.round(count * 0.618));
  while (divisor(step, count) > 1) step++;
  return step;
}
