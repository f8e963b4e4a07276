// Two network namespaces joined by a cable, for tests of what the kernel does to connections. Needs root; says what is
// missing otherwise. Everything made here goes with `remove`.
import { spawnSync } from 'node:child_process';

function run(command: readonly string[]): { ok: boolean; output: string } {
  const result = spawnSync(command[0], command.slice(1), { encoding: 'utf8', timeout: 10_000 });
  return { ok: result.status === 0,
    output: `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}`.trim() };
}

function must(...command: string[]): void {
  const { ok, output } = run(command);
  if (!ok) throw new Error(`${command.join(' ')}: ${output}`);
}

export interface Host { name: string; ipv4: string; ipv6: string }

export class Namespaces {
  readonly left: Host;
  readonly right: Host;

  private constructor(readonly iptables: string, readonly ip6tables: string | null, id: number) {
    const net = 16 + (id % 200);
    this.left = { name: `weft-${id}-a`, ipv4: `10.213.${net}.1`, ipv6: `fd77:${net.toString(16)}::1` };
    this.right = { name: `weft-${id}-b`, ipv4: `10.213.${net}.2`, ipv6: `fd77:${net.toString(16)}::2` };
  }

  /** The namespaces, or why there can be none. */
  static make(): Namespaces | string {
    if (process.getuid?.() !== 0) return 'needs root';
    const id = process.pid % 30_000;
    const probe = `weft-${id}-probe`;
    const added = run(['ip', 'netns', 'add', probe]);
    if (!added.ok) return `ip netns add: ${added.output}`;
    const works = (command: string, to: string): boolean => run(['ip', 'netns', 'exec', probe, command, '-w', '-t',
      'nat',
      '-A', 'OUTPUT', '-p', 'tcp', '-d', to, '-m', 'owner', '!', '--gid-owner', '1337', '-j', 'REDIRECT', '--to-ports',
      '1']).ok;
    const iptables = ['iptables', 'iptables-legacy', 'iptables-nft'].find((command) => works(command, '10.0.0.0/8'));
    const ip6tables = ['ip6tables', 'ip6tables-legacy', 'ip6tables-nft'].find((command) => works(command, 'fd77::/16'));
    run(['ip', 'netns', 'del', probe]);
    if (iptables === undefined) return 'no iptables here can redirect';
    const namespaces = new Namespaces(iptables, ip6tables ?? null, id);
    try {
      namespaces.join(id);
      return namespaces;
    } catch (error) {
      namespaces.remove();
      return String((error as Error).message);
    }
  }

  private join(id: number): void {
    for (const { name } of [this.left, this.right]) {
      must('ip', 'netns', 'add', name);
      must('ip', '-n', name, 'link', 'set', 'lo', 'up');
    }
    must('ip', '-n', this.left.name, 'link', 'add', `weft${id}`, 'type', 'veth', 'peer', 'name', `weft${id}`, 'netns',
      this.right.name);
    for (const { name, ipv4, ipv6 } of [this.left, this.right]) {
      must('ip', '-n', name, 'addr', 'add', `${ipv4}/24`, 'dev', `weft${id}`);
      run(['ip', '-n', name, '-6', 'addr', 'add', `${ipv6}/64`, 'dev', `weft${id}`, 'nodad']);
      must('ip', '-n', name, 'link', 'set', `weft${id}`, 'up');
    }
  }

  /** A rule of the nat table, for IPv4 and IPv6. */
  redirect(host: Host, ...rule: string[]): void {
    must('ip', 'netns', 'exec', host.name, this.iptables, '-w', '-t', 'nat', ...rule);
    if (this.ip6tables !== null) run(['ip', 'netns', 'exec', host.name, this.ip6tables, '-w', '-t', 'nat', ...rule]);
  }

  /**
   * What comes in by IPv4 goes to the port as it is (TPROXY), instead of redirected. Returns what is missing, or null.
   */
  intercept(host: Host, port: number): string | null {
    const inside = ['ip', 'netns', 'exec', host.name];
    const rule = (...words: string[]): string[] => [...inside, this.iptables, '-w', ...words];
    const steps = [
      rule('-t', 'nat', '-F', 'PREROUTING'),
      rule('-t', 'mangle', '-A', 'PREROUTING', '-p', 'tcp', '!', '-i', 'lo', '-j', 'TPROXY', '--tproxy-mark',
        '1337/4095',
        '--on-port', `${port}`),
      ['ip', '-n', host.name, 'rule', 'add', 'fwmark', '1337', 'lookup', '133'],
      ['ip', '-n', host.name, 'route', 'add', 'local', '0.0.0.0/0', 'dev', 'lo', 'table', '133'],
    ];
    for (const step of steps) {
      const { ok, output } = run(step);
      if (!ok) return `${step.join(' ')}: ${output}`;
    }
    return null;
  }

  /** The command line that runs a command there; with `group` as a group of its own. */
  static inside(host: Host, group: number | null, command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', host.name,
      ...(group === null ? [] : ['setpriv', `--regid=${group}`, '--clear-groups']), ...command];
  }

  remove(): void {
    for (const { name } of [this.left, this.right]) run(['ip', 'netns', 'del', name]);
  }
}
