// Java types whose values JSON can carry, as configuration states them: `int`, `java.lang.Long`,
// `java.util.List<java.lang.Long>`, `java.util.Map<java.lang.String, java.lang.Object>`.

export type JavaKind = 'string' | 'boolean' | 'integer' | 'long' | 'double' | 'list' | 'map' | 'any';

export interface JavaType {
  kind: JavaKind;
  /** Without what it holds, which Java does not know when it runs. */
  name: string;
  /** In a descriptor (JVM specification 4.3.2). */
  descriptor: string;
  /** No null can be a value. */
  primitive: boolean;
  /** Of 'integer' and 'long': the largest value; the least is one further below 0. */
  max: bigint;
  /** Of what a list or map holds; null: as each value says. */
  element: JavaType | null;
}

const BYTE_MAX = 127n, SHORT_MAX = 32767n, INT_MAX = 2147483647n, LONG_MAX = 9223372036854775807n;
const primitives: Readonly<Record<string, readonly [JavaKind, string, bigint]>> = {
  boolean: ['boolean', 'Z', 0n], byte: ['integer', 'B', BYTE_MAX], short: ['integer', 'S', SHORT_MAX],
  int: ['integer', 'I', INT_MAX], long: ['long', 'J', LONG_MAX], double: ['double', 'D', 0n],
};
const classes: Readonly<Record<string, readonly [JavaKind, bigint]>> = {
  'java.lang.String': ['string', 0n], 'java.lang.Boolean': ['boolean', 0n], 'java.lang.Byte': ['integer', BYTE_MAX],
  'java.lang.Short': ['integer', SHORT_MAX], 'java.lang.Integer': ['integer', INT_MAX],
  'java.lang.Long': ['long', LONG_MAX], 'java.lang.Double': ['double', 0n], 'java.util.List': ['list', 0n],
  'java.util.ArrayList': ['list', 0n], 'java.util.Collection': ['list', 0n], 'java.util.Map': ['map', 0n],
  'java.util.HashMap': ['map', 0n], 'java.lang.Object': ['any', 0n],
};

export const javaTypeNames: readonly string[] = [...Object.keys(primitives), ...Object.keys(classes)];

/** Null: it is none that can be carried. */
export function javaType(text: string): JavaType | null {
  const [, name = '', held] = /^([\w.$]+)\s*(?:<(.*)>)?$/.exec(text.trim()) ?? [];
  const primitive = Object.hasOwn(primitives, name) ? primitives[name]! : null;
  if (primitive !== null) {
    const [kind, descriptor, max] = primitive;
    return held === undefined ? { kind, name, descriptor, primitive: true, max, element: null } : null;
  }
  if (!Object.hasOwn(classes, name)) return null;
  const [kind, max] = classes[name]!;
  const type: JavaType = { kind, name, descriptor: `L${name.replaceAll('.', '/')};`, primitive: false, max,
    element: null };
  if (held === undefined) return type;
  const inner = kind === 'list' ? held : kind === 'map' ? ofValues(held) : null;
  const element = inner === null ? null : javaType(inner);
  return element === null || element.primitive ? null : { ...type, element };
}

/** Of arguments whose types configuration has checked. */
export const typesOf = (args: readonly { type: string }[]): JavaType[] => args.map(({ type }) => {
  const found = javaType(type);
  if (found === null) throw new Error(`no type that is carried: ${type}`);
  return found;
});

const ofDescriptor: Readonly<Record<string, string>> = { Z: 'boolean', B: 'byte', S: 'short', I: 'int', J: 'long',
  F: 'float', D: 'double', C: 'char' };
/** Names of the types in a descriptor, arrays as they stand there. */
export const typesOfDescriptor = (descriptor: string): string[] =>
  (descriptor.match(/\[*(?:L[^;]*;|.)/gs) ?? []).map((one) => ofDescriptor[one]
    ?? (one.startsWith('L') ? one.slice(1, -1).replaceAll('/', '.') : one));

/** What stands behind the key's type, which is a string's: JSON has no others. */
const ofValues = (held: string): string | null => /^\s*java\.lang\.String\s*,(.*)$/.exec(held)?.[1] ?? null;
