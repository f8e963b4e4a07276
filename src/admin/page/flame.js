// The flame graph: asks for a profile of one worker and draws its call tree.
import { $, draw, make } from './dom.js';

const ROW = 20;
let recorded = null;
let flame = null;

/** The same tree without the calls in which a worker waits for the kernel: what is left is work. */
function withoutWaiting(frame) {
  const waits = ({ name, children }) => children.length === 0 && /^(epoll_?wait|syscall|\(idle\))$/i.test(name);
  const children = frame.children.filter((child) => !waits(child)).map(withoutWaiting)
    .filter(({ weight }) => weight > 0);
  const gone = frame.children.reduce((sum, { weight }) => sum + weight, 0)
    - children.reduce((sum, { weight }) => sum + weight, 0);
  return { ...frame, children: children.sort((a, b) => b.weight - a.weight), weight: frame.weight - gone };
}

export function showRecord() {
  if (recorded === null) return;
  flame = $('waiting').checked ? recorded : withoutWaiting(recorded);
  $('flame-note').textContent = `${(100 * withoutWaiting(recorded).weight / recorded.weight).toFixed(1)} % of `
    + `${(recorded.weight / 1e6).toFixed(1)} s was work. Click a frame to look closer.`;
  drawFlame(flame);
}

export async function record() {
  const seconds = Number($('seconds').value);
  $('record').disabled = true;
  $('flame-note').textContent = `Recording for ${seconds} s …`;
  if (recorded === null) $('flame').replaceChildren(make('p', { kind: 'empty', text: 'Recording …' }));
  try {
    const response = await fetch(`weft/flamegraph?worker=${$('worker').value}&seconds=${seconds}`, { method: 'POST' });
    if (!response.ok) throw new Error((await response.text()).trim());
    recorded = await response.json();
    showRecord();
  } catch (error) {
    $('flame-note').textContent = error.message;
  } finally {
    $('record').disabled = false;
  }
}

function drawFlame(top) {
  const width = Math.max(300, $('flame').clientWidth);
  const svg = draw('svg', { role: 'img', 'aria-label': 'Flame graph' });
  let depth = 0;
  const place = (frame, x, room, level) => {
    if (room < 1) return;
    depth = Math.max(depth, level);
    const share = (100 * frame.weight / flame.weight).toFixed(1);
    const rect = draw('rect', { x, y: level * ROW, width: room, height: ROW - 1, rx: 2,
      class: (frame.name.length + level) % 2 === 0 ? 'a' : 'b' });
    rect.append(draw('title', {}, `${frame.name} ${frame.file}\n${share} % of the time`));
    rect.addEventListener('click', () => { drawFlame(frame); });
    svg.append(rect);
    const letters = Math.floor((room - 8) / 7);
    if (letters >= 4) svg.append(draw('text', { x: x + 4, y: level * ROW + 14 },
      frame.name.length > letters ? `${frame.name.slice(0, letters - 1)}…` : frame.name));
    let at = x;
    for (const child of frame.children) {
      const wide = child.weight / frame.weight * room;
      place(child, at, wide, level + 1);
      at += wide;
    }
  };
  place(top, 0, width, 0);
  svg.setAttribute('viewBox', `0 0 ${width} ${(depth + 1) * ROW}`);
  $('flame').replaceChildren(svg);
  $('whole').hidden = top === flame;
}

export const showAll = () => drawFlame(flame);
