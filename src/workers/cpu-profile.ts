// The V8 CPU profiler of this thread, started and stopped without returning to the event loop: inspector sessions
// answer synchronously.
import { createRequire } from 'node:module';
import type { Session } from 'node:inspector';

export class CpuProfile {
  private session: Session | null = null;

  /** Starts or stops profiling. The profile is the JSON text of a .cpuprofile. */
  set(start: boolean): { profile: string | null; error: string | null } {
    if (start) return this.start();
    return this.stop();
  }

  private start(): { profile: null; error: string | null } {
    if (this.session !== null) return { profile: null, error: 'a profile is being taken already' };
    const inspector = createRequire(import.meta.url)('node:inspector') as typeof import('node:inspector');
    this.session = new inspector.Session();
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.setSamplingInterval', { interval: 500 });
    let error: string | null = null;
    this.session.post('Profiler.start', (problem) => { if (problem !== null) error = problem.message; });
    return { profile: null, error };
  }

  private stop(): { profile: string | null; error: string | null } {
    if (this.session === null) return { profile: null, error: 'no profile is being taken' };
    let profile: string | null = null;
    let error: string | null = null;
    this.session.post('Profiler.stop', (problem, result) => {
      if (problem !== null) error = problem.message; else profile = JSON.stringify(result.profile);
    });
    this.session.post('Profiler.disable');
    this.session.disconnect();
    this.session = null;
    return { profile, error };
  }
}
