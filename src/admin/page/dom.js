// Elements of the page: made from text alone, so that nothing that stands in a configuration can become markup.
const SVG = 'http://www.w3.org/2000/svg';
export const $ = (id) => document.getElementById(id);

/** An element with text, class and children. */
export function make(tag, { text, kind, on, ...more } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  for (const [name, value] of Object.entries(more)) element.setAttribute(name, value);
  for (const [name, action] of Object.entries(on ?? {})) element.addEventListener(name, action);
  element.append(...children);
  return element;
}
export function draw(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
