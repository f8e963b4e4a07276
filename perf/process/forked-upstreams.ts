// Upstreams in a forked process (backend/forked.ts), as the process that measures sees them.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export class ForkedUpstreams {
  private constructor(private readonly child: ChildProcess, readonly ports: number[]) {}

  /** `program`: below dist/perf. */
  static async start(program: string, args: readonly string[]): Promise<ForkedUpstreams> {
    const child = fork(fileURLToPath(new URL(`../${program}`, import.meta.url)), args);
    const [{ ports }] = await once(child, 'message') as [{ ports: number[] }];
    return new ForkedUpstreams(child, ports);
  }

  tell(message: object): void { this.child.send(message); }

  async ask<T>(question: string): Promise<T> {
    const reply = once(this.child, 'message') as Promise<[T]>;
    this.child.send(question);
    return (await reply)[0];
  }

  async counts(): Promise<number[]> { return [...(await this.ask<{ counts: number[] }>('counts')).counts]; }
  end(): void { this.child.disconnect(); }
}
