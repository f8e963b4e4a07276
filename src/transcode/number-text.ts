// Numbers with a fraction as protobuf prints them: with 15 digits (6 for a float) where those read back as the same
// number, else with 17 (9), in C's %g.

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const HEX = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?\d+))?$/;

/** As C's strtod, which has hexadecimal digits too; undefined: it is no number. */
export function readDouble(text: string): number | undefined {
  if (DECIMAL.test(text)) return Number(text);
  const found = HEX.exec(text);
  if (found === null || found[2]! + found[3]! === '') return undefined;
  let value = 0;
  for (const digit of found[2]! + found[3]!) value = value * 16 + Number.parseInt(digit, 16);
  value *= 2 ** (Number(found[4] ?? 0) - 4 * found[3]!.length);
  return found[1] === '-' ? -value : value;
}

const FLOAT_LEAST = 2 ** -126;

/** `%.<digits>g` */
function shortest(value: number, digits: number): string {
  const [mantissa, exponentText] = value.toExponential(digits - 1).split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= digits) {
    const power = String(Math.abs(exponent)).padStart(2, '0');
    return `${trimmed(mantissa)}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  return trimmed(value.toFixed(Math.max(0, digits - 1 - exponent)));
}
const trimmed = (text: string): string => text.includes('.') ? text.replace(/\.?0+$/, '') : text;

const special = (value: number): string => Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';

export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return special(value);
  if (Object.is(value, -0)) return '-0';
  const short = shortest(value, 15);
  return Number(short) === value ? short : shortest(value, 17);
}

export function floatText(value: number): string {
  if (!Number.isFinite(value)) return special(value);
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const short = shortest(value, 6);
  // What is not normal is not read back, says the C library.
  return Math.fround(Number(short)) === value && Math.abs(value) >= FLOAT_LEAST ? short : shortest(value, 9);
}
