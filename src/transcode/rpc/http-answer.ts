// What an endpoint of HTTP answers to a call.
import { CarryError } from './failure.js';
import { isJsonType, readJson } from './json.js';
import type { Json } from './json.js';

const ERROR_CHARACTERS_MAX = 512;

/** The value of a good answer; one without a body is null. Throws CarryError. */
export function resultOf(body: Uint8Array, contentType: string | null, depthMax: number): Json {
  if (body.length === 0) return null;
  if (contentType !== null && !isJsonType(contentType)) throw new CarryError('it is not application/json');
  return readJson(body, depthMax);
}

/** What is told of another: its status, and its own words where it has some. */
export function errorText(status: number, body: Uint8Array): string {
  const said = Buffer.from(body).toString('utf8').slice(0, ERROR_CHARACTERS_MAX);
  try {
    const { error } = JSON.parse(said) as { error?: { message?: unknown } };
    if (typeof error?.message === 'string') return `HTTP ${status}: ${error.message}`;
  } catch { /* it is told as it stands */ }
  return said === '' ? `HTTP ${status}` : `HTTP ${status}: ${said}`;
}
