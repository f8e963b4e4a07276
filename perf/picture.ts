// Latency curves as one self-contained SVG: percentiles on the horizontal axis (each step to the right is ten times
// rarer), the latency in microseconds on a logarithmic vertical axis, one line per peer.
export interface Curve { name: string; points: { percentile: number; micros: number }[] }
export interface Panel { title: string; curves: Curve[] }

const COLOURS = ['#666666', '#1f77b4', '#17becf', '#ff7f0e', '#9467bd', '#2ca02c', '#d62728', '#8c564b'];
const WIDTH = 560, HEIGHT = 400, LEFT = 64, RIGHT = 16, TOP = 40, BOTTOM = 48;
const TICKS = [50, 90, 99, 99.9, 99.99];
const MAX_PERCENTILE = 99.99;

/** 0 for p0, 1 for p90, 2 for p99, 3 for p99.9: the number of nines. */
export const nines = (percentile: number): number => -Math.log10(1 - Math.min(percentile, MAX_PERCENTILE) / 100);

/** The panels side by side, on one vertical scale. */
export function latencyPicture(panels: readonly Panel[]): string {
  const values = panels.flatMap((panel) => panel.curves.flatMap((curve) => curve.points.map((point) => point.micros)));
  const low = Math.log10(Math.max(1, Math.min(...values, 100)));
  const high = Math.log10(Math.max(...values, 1000) * 1.1);
  const body = panels.map((panel, index) => drawPanel(panel, index * WIDTH, low, high)).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH * panels.length}" height="${HEIGHT}" ` +
    `font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>\n${body}\n</svg>\n`;
}

function drawPanel(panel: Panel, offset: number, low: number, high: number): string {
  const x = (percentile: number): number => offset + LEFT +
    nines(percentile) / nines(MAX_PERCENTILE) * (WIDTH - LEFT - RIGHT);
  const y = (micros: number): number =>
    TOP + (high - Math.log10(Math.max(1, micros))) / (high - low) * (HEIGHT - TOP - BOTTOM);
  const parts = [`<text x="${offset + LEFT}" y="20" font-size="14">${escapeXml(panel.title)}</text>`];
  for (const tick of TICKS) {
    parts.push(`<line x1="${x(tick)}" y1="${TOP}" x2="${x(tick)}" y2="${HEIGHT - BOTTOM}" stroke="#ddd"/>`,
      `<text x="${x(tick)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">p${tick}</text>`);
  }
  for (const micros of gridLines(low, high)) {
    const label = micros >= 1000 ? `${micros / 1000} ms` : `${micros} µs`;
    const height = y(micros), right = offset + WIDTH - RIGHT;
    parts.push(`<line x1="${offset + LEFT}" y1="${height}" x2="${right}" y2="${height}" stroke="#ddd"/>`,
      `<text x="${offset + LEFT - 6}" y="${height + 4}" text-anchor="end">${label}</text>`);
  }
  panel.curves.forEach((curve, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const line = curve.points.map((point) =>
      `${x(point.percentile).toFixed(1)},${y(point.micros).toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="1.6"/>`,
      `<text x="${offset + LEFT + 10}" y="${TOP + 16 + index * 15}" fill="${colour}">${escapeXml(curve.name)}</text>`);
  });
  return parts.join('\n');
}

/** 1, 2 and 5 times the powers of ten that lie between the limits. */
function gridLines(low: number, high: number): number[] {
  const lines: number[] = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const factor of [1, 2, 5]) {
      const micros = factor * 10 ** power;
      if (Math.log10(micros) >= low && Math.log10(micros) <= high) lines.push(micros);
    }
  }
  return lines;
}

export const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
