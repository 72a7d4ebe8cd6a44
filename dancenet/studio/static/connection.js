// The line to the studio: one WebSocket, reopened whenever it breaks. docs/studio-protocol.md says what is spoken.

const HEADER = 20; // bytes before a frame's JPEG
export const PAUSED = 1, LOOKING_BACK = 2, POSE = 4, SCORE = 8;

export class Connection extends EventTarget {
  constructor(run, session) {
    super();
    this.run = run;
    this.session = session;
    this.welcome = this.state = this.library = this.directions = null;
    this.lastFrame = null;
    this.frames = 0;
    this.connected = false;
    this.waiting = new Map();
    this.nextId = 1;
    this.pause_ms = 250;
    this.open();
  }

  // Address of something of this run and session.
  url(path, more = {}) {
    const query = new URLSearchParams({ run: this.run, session: this.session, ...more });
    return `${path}?${query}`;
  }

  on(what, does) {
    this.addEventListener(what, (event) => does(event.detail));
  }

  // Ask for something: resolves with its result, rejects with what was wrong.
  ask(what, values = {}) {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (!this.connected) {
        reject(new Error("the studio is not connected; it will be again by itself"));
        return;
      }
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ do: what, id, ...values }));
    });
  }

  // Ask for something and forget the answer; used by what moves many times a second.
  send(what, values = {}) {
    if (this.connected) this.socket.send(JSON.stringify({ do: what, ...values }));
  }

  open() {
    const address = new URL(this.url("live"), location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.heard(JSON.parse(data)) : this.seen(data));
    this.socket.onclose = (event) => this.closed(event);
  }

  close() {
    this.left = true;
    this.socket.close();
  }

  closed(event) {
    this.connected = false;
    for (const { reject } of this.waiting.values()) reject(new Error("the line to the studio broke"));
    this.waiting.clear();
    if (this.left) return;
    this.tell("lost", { reason: event.reason });
    setTimeout(() => this.left || this.open(), this.pause_ms);
    this.pause_ms = Math.min(this.pause_ms * 1.6, 3000);
  }

  tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  heard(event) {
    if (event.is === "welcome") {
      Object.assign(this, { welcome: event, state: event.state, library: event.library, directions: event.directions });
      this.run = event.run;
      this.connected = true;
      this.pause_ms = 250;
      this.tell("welcome", event);
    } else if (event.is === "state") this.state = event.state;
    else if (event.is === "library") this.library = event.library;
    else if (event.is === "directions") this.directions = event.directions;
    else if ((event.is === "done" || event.is === "failed") && this.waiting.has(event.id)) {
      const { resolve, reject } = this.waiting.get(event.id);
      this.waiting.delete(event.id);
      if (event.is === "done") resolve(event.result);
      else reject(new Error(event.error));
      return;
    } else if (event.is === "failed") this.tell("trouble", event.error);
    if (["welcome", "state"].includes(event.is)) this.tell("state", this.state);
    if (["welcome", "library"].includes(event.is)) this.tell("library", this.library);
    if (["welcome", "directions"].includes(event.is)) this.tell("directions", this.directions);
    if (["progress", "pulse", "mapped"].includes(event.is)) this.tell(event.is, event);
  }

  seen(message) {
    const view = new DataView(message);
    const header = {
      number: view.getUint32(0, true), revision: view.getUint32(4, true), nearest: view.getUint32(8, true),
      flags: view.getUint32(12, true), time_s: view.getFloat32(16, true),
    };
    this.frames += 1;
    this.tell("frame", { header, jpeg: new Blob([new Uint8Array(message, HEADER)], { type: "image/jpeg" }) });
  }
}
