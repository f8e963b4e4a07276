// Differences between two descriptions of a good exchange, each with its heading in docs/envoy-differences.md, or
// null when it has none.
export interface Found {
  line: string;
  heading: string | null;
}

const rules: readonly [RegExp, string][] = [
  [/^OPTIONS \*: /, 'Asterisk form'],
  [/^unknown upgrade: /, 'Upgrades'],
];

/** Lines that only one side has; '-' is Weft's, '+' is Envoy's. */
export function explained(name: string, weft: readonly string[], envoy: readonly string[]): Found[] {
  const lines = [
    ...weft.filter((line) => !envoy.includes(line)).map((line) => `- ${line}`),
    ...envoy.filter((line) => !weft.includes(line)).map((line) => `+ ${line}`),
  ];
  return lines.map((line) => ({
    line,
    heading: rules.find(([pattern]) => pattern.test(`${name}: ${line}`))?.[1] ?? null,
  }));
}
