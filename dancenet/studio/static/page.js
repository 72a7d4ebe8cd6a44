// Small helpers that every part of the page uses.

export const $ = (id) => document.getElementById(id);

// An element with properties, attributes (those with a dash, and role) and children.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

// A line of text that goes by itself; trouble stays longer.
export function toast(text, bad = false) {
  const line = make("div", { class: bad ? "toast bad" : "toast" }, text);
  $("toasts").append(line);
  setTimeout(() => line.remove(), bad ? 9000 : 3500);
}

export const trouble = (error) => toast(error.message ?? String(error), true);

// Do it at most once per animation frame, with the latest arguments.
export function calmly(does) {
  let waiting = null;
  return (...values) => {
    if (waiting === null) requestAnimationFrame(() => { const last = waiting; waiting = null; does(...last); });
    waiting = values;
  };
}

export const seconds = (value) => {
  const minutes = Math.floor(value / 60);
  return minutes ? `${minutes}:${(value % 60).toFixed(1).padStart(4, "0")}` : `${value.toFixed(1)} s`;
};

// Ask for a name that the studio takes; null if the user thinks better of it.
export function askName(question, usual) {
  const name = prompt(`${question} (letters, digits, - and _)`, usual);
  return name === null ? null : name.trim().replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "") || null;
}
