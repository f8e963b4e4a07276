// Draws a tree of stacks as a flame graph: one self-contained SVG. The width of a box is its share of the weight; the
// function that ran lies on top. Hovering shows name and share; a click enlarges a box to the whole width, a click on
// "all" undoes it.
import { escapeXml } from '../picture.js';
import type { Frame } from './stacks.js';

const WIDTH = 1400, ROW = 17, TOP = 34, MARGIN = 10;
/** Boxes narrower than this many pixels are left out. */
const NARROWEST = 0.3;
const CHARACTER = 6.6;

interface Box { name: string; depth: number; x: number; width: number; weight: number }

export function flameGraph(root: Frame, title: string, unit: string): string {
  const boxes: Box[] = [];
  place(root, 0, MARGIN, WIDTH - 2 * MARGIN, boxes);
  const depth = Math.max(...boxes.map((box) => box.depth));
  const height = TOP + (depth + 1) * ROW + MARGIN;
  const drawn = boxes.map((box) => draw(box, height, root.weight, unit));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
    `height="${height}" font-family="monospace" font-size="11">\n<rect width="100%" height="100%" fill="#fffdf5"/>\n` +
    `<text x="${MARGIN}" y="20" font-size="14">${escapeXml(title)}</text>\n${drawn.join('\n')}\n` +
    `<script>${ZOOM}</script>\n</svg>\n`;
}

function place(frame: Frame, depth: number, x: number, width: number, boxes: Box[]): void {
  boxes.push({ name: frame.name, depth, x, width, weight: frame.weight });
  let at = x;
  for (const child of [...frame.children.values()].sort((a, b) => a.name < b.name ? -1 : 1)) {
    const share = frame.weight > 0 ? width * child.weight / frame.weight : 0;
    if (share >= NARROWEST) place(child, depth + 1, at, share, boxes);
    at += share;
  }
}

function draw(box: Box, height: number, total: number, unit: string): string {
  const y = height - MARGIN - (box.depth + 1) * ROW;
  const share = total > 0 ? (100 * box.weight / total).toFixed(2) : '0';
  const label = escapeXml(box.name);
  const x = box.x.toFixed(2), width = box.width.toFixed(2), text = escapeXml(fit(box.name, box.width));
  return `<g data-x="${x}" data-w="${width}" data-d="${box.depth}">` +
    `<title>${label}: ${share} % (${Math.round(box.weight)} ${unit})</title>` +
    `<rect x="${x}" y="${y}" width="${width}" height="${ROW - 1}" fill="${colour(box.name)}" rx="1"/>` +
    `<text x="${(box.x + 3).toFixed(2)}" y="${y + 12}" data-t="${label}">${text}</text></g>`;
}

const fit = (name: string, width: number): string => {
  const room = Math.floor((width - 6) / CHARACTER);
  return room < 3 ? '' : name.length <= room ? name : `${name.slice(0, room - 1)}…`;
};

/** Warm colours for JavaScript, green for WASM, blue for the kernel and native code, grey for what is idle. */
function colour(name: string): string {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.charCodeAt(0)) | 0;
  const shade = Math.abs(hash) % 40;
  if (/^\((idle|program|root)\)|^all$/.test(name)) return '#d8d8d8';
  if (/wasm/i.test(name)) return `rgb(${110 + shade},${190 + shade},110)`;
  if (/\.(?:js|mjs|cjs|ts)(?::\d|$)|^[*~^]/.test(name)) return `rgb(${215 + shade},${120 + 2 * shade},60)`;
  return `rgb(${110 + shade},${160 + shade},${215 + shade / 2})`;
}

const ZOOM = `
const boxes = [...document.querySelectorAll('g')], left = ${MARGIN}, whole = ${WIDTH - 2 * MARGIN};
function zoom(target) {
  const x0 = +target.dataset.x, w0 = +target.dataset.w, depth = +target.dataset.d;
  for (const box of boxes) {
    const x = +box.dataset.x, w = +box.dataset.w, rect = box.children[1], text = box.children[2];
    const below = +box.dataset.d &lt; depth &amp;&amp; x &lt;= x0 + 0.01 &amp;&amp; x + w >= x0 + w0 - 0.01;
    const shown = below || (+box.dataset.d >= depth &amp;&amp; x >= x0 - 0.01 &amp;&amp; x + w &lt;= x0 + w0 + 0.01);
    box.style.display = shown ? '' : 'none';
    if (!shown) continue;
    const at = below ? left : left + (x - x0) / w0 * whole, width = below ? whole : w / w0 * whole;
    rect.setAttribute('x', at); rect.setAttribute('width', width); text.setAttribute('x', at + 3);
    const name = text.dataset.t, room = Math.floor((width - 6) / ${CHARACTER});
    text.textContent = room &lt; 3 ? '' : name.length &lt;= room ? name : name.slice(0, room - 1) + '…';
  }
}
for (const box of boxes) box.addEventListener('click', () => zoom(box));`;
