// A slow path normaliser, written from RFC 3986 6.2.2 and Envoy's documentation, over strings: what normalize_path,
// merge_slashes and UNESCAPE_AND_FORWARD make of a path. Null = refused.
export interface PathOptions {
  normalize: boolean;
  merge: boolean;
  unescape: boolean;
}

export function referencePath(path: string, pathOnlyBytes: number, options: PathOptions): string | null {
  let only = path.slice(0, pathOnlyBytes);
  if (options.normalize && /%00/.test(only)) return null;
  if (options.normalize) only = only.replaceAll('\\', '/');
  only = only.replace(/%([0-9a-fA-F]{2})/g, (escape, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    if (options.unescape && (character === '/' || character === '\\')) return options.normalize ? '/' : character;
    return options.normalize && /[-.~_A-Za-z0-9]/.test(character) ? character : escape;
  });
  if (options.normalize) only = withoutDots(only);
  if (options.merge) only = only.replace(/\/{2,}/g, '/');
  return only + path.slice(pathOnlyBytes);
}

/** RFC 3986 5.2.4 over the segments of an absolute path. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  segments.forEach((segment, index) => {
    const last = index === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.') {
      kept.push(segment);
      return;
    }
    if (last) kept.push('');
  });
  return `/${kept.join('/')}`;
}
