// A V8 CPU profile as a tree of frames with their shares, small enough for the admin page: what took less than a
// thousandth is left out.
export interface FlameFrame { name: string; file: string; weight: number; children: FlameFrame[] }

interface ProfileNode {
  id: number; children?: number[]; callFrame: { functionName: string; url: string; lineNumber: number };
}
interface CpuProfile { nodes: ProfileNode[]; samples: number[]; timeDeltas: number[] }

const DEPTH_MAX = 100;
const LEAST_SHARE = 0.001;

/** Weights are microseconds; the root's is the whole profile's. */
export function flameTree(value: unknown): FlameFrame {
  const profile = value as CpuProfile;
  const own = new Map<number, number>();
  profile.samples.forEach((id, index) => {
    own.set(id, (own.get(id) ?? 0) + Math.max(0, profile.timeDeltas[index + 1] ?? profile.timeDeltas[index] ?? 0));
  });
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const root = frameOf(profile.nodes[0], nodes, own, 0);
  prune(root, root.weight * LEAST_SHARE);
  return root;
}

function frameOf(node: ProfileNode, nodes: ReadonlyMap<number, ProfileNode>, own: ReadonlyMap<number, number>,
  depth: number): FlameFrame {
  const { functionName, url, lineNumber } = node.callFrame;
  const frame: FlameFrame = { name: functionName === '' ? '(anonymous)' : functionName,
    file: url === '' ? '' : `${url.replace(/^file:\/\//, '').split('/').slice(-2).join('/')}:${lineNumber + 1}`,
    weight: own.get(node.id) ?? 0, children: [] };
  if (depth >= DEPTH_MAX) return frame;
  for (const id of node.children ?? []) {
    const child = frameOf(nodes.get(id)!, nodes, own, depth + 1);
    frame.weight += child.weight;
    if (child.weight > 0) frame.children.push(child);
  }
  frame.children.sort((a, b) => b.weight - a.weight);
  return frame;
}

function prune(frame: FlameFrame, least: number): void {
  frame.children = frame.children.filter(({ weight }) => weight >= least);
  for (const child of frame.children) prune(child, least);
}
