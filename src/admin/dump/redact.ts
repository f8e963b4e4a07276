// Takes secrets out of a message before it is shown. Envoy marks sensitive fields in its protos; here they are known
// by name, and a field is hidden when in doubt.
import type { JsonValue } from '../backend.js';

const HIDDEN = '[redacted]';
const HIDDEN_BYTES = Buffer.from(HIDDEN).toString('base64');
const sensitive = new Set([
  'private_key',
  'password',
  'pkcs12',
  'session_ticket_keys',
  'generic_secret',
  'access_token',
  'refresh_token',
  'client_secret',
  'token_secret',
  'hmac_secret',
  'shared_secret',
  'auth_password',
  'json_key',
  'privateKey',
  'sessionTicketKeys',
  'genericSecret',
  'accessToken',
  'refreshToken',
  'clientSecret',
  'tokenSecret',
  'hmacSecret',
  'sharedSecret',
  'authPassword',
  'jsonKey',
]);

/**
 * A copy in which every value of a sensitive field is replaced; names of secrets stay, so that one sees which is
 * used.
 */
export function redacted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(redacted);
  if (value === null || typeof value !== 'object') return value;
  const result: { [key: string]: JsonValue } = {};
  for (const [key, inner] of Object.entries(value))
    result[key] = sensitive.has(key) ? hidden(inner, key) : redacted(inner);
  return result;
}

function hidden(value: JsonValue, key: string): JsonValue {
  if (Array.isArray(value)) return value.map((inner) => hidden(inner, key));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, hidden(inner, name)]));
  }
  if (key === '@type') return value;
  return key === 'inline_bytes' || key === 'inlineBytes' ? HIDDEN_BYTES : HIDDEN;
}
