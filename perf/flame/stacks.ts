// Stacks and their weights as a tree: from a V8 .cpuprofile, or from the text of `perf script`.
export interface Frame { name: string; weight: number; children: Map<string, Frame> }

const newFrame = (name: string): Frame => ({ name, weight: 0, children: new Map() });

/** Adds one stack (outermost first) to the tree. */
function addStack(root: Frame, stack: readonly string[], weight: number): void {
  let frame = root;
  frame.weight += weight;
  for (const name of stack) {
    let child = frame.children.get(name);
    if (child === undefined) frame.children.set(name, child = newFrame(name));
    child.weight += weight;
    frame = child;
  }
}

interface ProfileNode { id: number; children?: number[];
  callFrame: { functionName: string; url: string; lineNumber: number } }
export interface CpuProfile { nodes: ProfileNode[]; samples: number[]; timeDeltas: number[] }

export function isCpuProfile(value: unknown): value is CpuProfile {
  const profile = value as Partial<CpuProfile> | null;
  return typeof profile === 'object' && profile !== null && Array.isArray(profile.nodes) &&
    Array.isArray(profile.samples) &&
    Array.isArray(profile.timeDeltas);
}

/** Weights are microseconds. Time between two samples belongs to the earlier one. */
export function treeOfProfile(profile: CpuProfile): Frame {
  const stacks = new Map<number, string[]>();
  const parents = new Map<number, number>();
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id);
  for (const node of profile.nodes) {           // a parent stands before its children
    const above = stacks.get(parents.get(node.id) ?? -1) ?? [];
    const isRoot = node.callFrame.functionName === '(root)';
    stacks.set(node.id, isRoot ? [] : [...above, frameName(node)]);
  }
  const root = newFrame('all');
  profile.samples.forEach((id, index) => {
    addStack(root, stacks.get(id) ?? [], Math.max(0, profile.timeDeltas[index + 1] ?? profile.timeDeltas[index] ?? 0));
  });
  return root;
}

function frameName({ callFrame }: ProfileNode): string {
  const name = callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName;
  if (callFrame.url === '') return name;
  const file = callFrame.url.replace(/^file:\/\//, '').split('/').slice(-2).join('/');
  return `${name} ${file}:${callFrame.lineNumber + 1}`;
}

/** Weights are samples. Each thread is a frame of its own at the bottom. */
export function treeOfPerfScript(text: string): Frame {
  const root = newFrame('all');
  for (const block of text.split(/\n\s*\n/)) {
    const lines = block.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
    if (lines.length < 2) continue;
    const thread = /^\s*(.+?)\s+(?:\d+\/)?(\d+)\s/.exec(lines[0]);
    const frames = lines.slice(1).map((line) => perfFrame(line)).reverse();
    addStack(root, [thread === null ? 'thread' : `${thread[1]} ${thread[2]}`, ...frames], 1);
  }
  return root;
}

/**
 * `  7f12 LazyCompile:*serve /a/b/c.js:12+0x1f (/tmp/perf-1.map)`: the symbol without its offset, JIT names shortened.
 */
function perfFrame(line: string): string {
  const match = /^\s*[0-9a-f]+\s+(.*?)\s+\(([^()]*)\)\s*$/.exec(line);
  const symbol = (match?.[1] ?? line.trim()).replace(/\+0x[0-9a-f]+$/, '');
  if (symbol === '[unknown]') return `[${(match?.[2] ?? '?').split('/').at(-1)}]`;
  return symbol.replace(/^(LazyCompile|Function|JS|Script|Eval):/,
    '').replace(/(?:file:\/\/)?\/\S*\/([^/\s]+\/[^/\s]+)$/, '$1');
}

/** Weight of each function by itself, heaviest first: the list to print beside the picture. */
export function selfWeights(root: Frame): { name: string; weight: number }[] {
  const sums = new Map<string, number>();
  const walk = (frame: Frame): void => {
    let own = frame.weight;
    for (const child of frame.children.values()) {
      own -= child.weight;
      walk(child);
    }
    sums.set(frame.name, (sums.get(frame.name) ?? 0) + own);
  };
  walk(root);
  return [...sums].map(([name, weight]) => ({ name, weight })).sort((a, b) => b.weight - a.weight);
}
