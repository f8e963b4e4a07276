// What the first listeners wait for besides the configuration itself: names that are being resolved, endpoints that
// are being checked for the first time. Once everything was there, nothing is waited for any more.

export class Warming {
  private readonly waiting = new Set<string>();
  private readonly callbacks: (() => void)[] = [];
  private ended = false;

  /** `configured`: the store expects no further initial answers. */
  constructor(private readonly configured: () => boolean) {}

  get ready(): boolean {
    this.look();
    return this.ended;
  }

  begin(what: string): void { if (!this.ended) this.waiting.add(what); }
  end(what: string): void { if (this.waiting.delete(what)) this.look(); }

  /** Calls back once everything is there, at once if it is. */
  onReady(callback: () => void): void {
    if (this.ready) callback(); else this.callbacks.push(callback);
  }

  /** Something changed that `configured` tells. */
  look(): void {
    if (this.ended || this.waiting.size > 0 || !this.configured()) return;
    this.ended = true;
    for (const callback of this.callbacks.splice(0)) callback();
  }
}
