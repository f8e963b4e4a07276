// The query of an admin request. Envoy's rules: parameters are split at '&' and percent-decoded, '+' stays '+', a
// parameter without '=' is present and empty. pilot-agent sends regular expressions unescaped, so nothing here is
// strict.

export class Query {
  readonly #values = new Map<string, string>();

  constructor(text: string) {
    for (const part of text.split('&')) {
      if (part === '') continue;
      const equals = part.indexOf('=');
      const name = decode(equals < 0 ? part : part.slice(0, equals));
      if (!this.#values.has(name)) this.#values.set(name, equals < 0 ? '' : decode(part.slice(equals + 1)));
    }
  }

  has(name: string): boolean { return this.#values.has(name); }
  get(name: string): string | null { return this.#values.get(name) ?? null; }
  entries(): [string, string][] { return [...this.#values]; }
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
