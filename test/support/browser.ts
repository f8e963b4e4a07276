// A headless Chromium driven over the DevTools protocol: opens pages, evaluates in them, takes pictures.
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import WebSocket from 'ws';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The browser's path, or null where there is none. */
export function findBrowser(): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch { /* not here */ }
    }
  }
  return null;
}

interface Reply { id?: number; sessionId?: string; method?: string; result?: Record<string, unknown>;
  error?: { message: string }; params?: Record<string, unknown> }
export interface View { width: number; height: number; dark: boolean }

export class Browser {
  private next = 1;
  private readonly waiting = new Map<number, (reply: Reply) => void>();
  private session = '';
  /** What the page wrote to its console as an error, and exceptions. */
  readonly errors: string[] = [];

  private constructor(private readonly child: ChildProcess, private readonly socket: WebSocket,
    private readonly folder: string) {
    socket.on('message', (data) => this.received(JSON.parse(String(data)) as Reply));
  }

  static async start(path: string): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-browser-'));
    const child = spawn(path, ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
      '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${folder}`, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'] });
    const url = await new Promise<string>((resolve, reject) => {
      let text = '';
      child.stderr!.on('data', (data) => {
        text += data;
        const found = /DevTools listening on (ws:\S+)/.exec(text);
        if (found !== null) resolve(found[1]);
      });
      child.on('exit', (code) => reject(new Error(`the browser ended with ${code}: ${text.slice(-500)}`)));
    });
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => { socket.once('open', resolve).once('error', reject); });
    return new Browser(child, socket, folder);
  }

  /** Opens an address in a new page of this size and colour scheme. */
  async open(url: string, view: View): Promise<void> {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' }, false);
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true }, false);
    this.session = String(sessionId);
    this.errors.length = 0;
    for (const domain of ['Page', 'Runtime', 'Log']) await this.call(`${domain}.enable`);
    await this.resize(view);
    await this.call('Page.navigate', { url });
  }

  async resize({ width, height, dark }: View): Promise<void> {
    await this.call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    await this.call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme',
      value: dark ? 'dark' : 'light' }] });
  }

  /** The value of an expression in the page; promises are waited for. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', { expression, awaitPromise: true,
      returnByValue: true }) as { result: { value: T }; exceptionDetails?: { text: string } };
    if (exceptionDetails !== undefined) throw new Error(`${exceptionDetails.text} in ${expression}`);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression: string, timeoutMs = 10_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    // while the page loads, there is nothing to evaluate in
    while (!await this.evaluate<boolean>(`Boolean(${expression})`).catch(() => false)) {
      if (Date.now() > end) throw new Error(`never true: ${expression}`);
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }

  async picture(file: string): Promise<void> {
    const { data } = await this.call('Page.captureScreenshot', { format: 'png' });
    writeFileSync(file, Buffer.from(String(data), 'base64'));
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => { this.child.once('exit', resolve); });
    this.socket.send(JSON.stringify({ id: this.next++, method: 'Browser.close' }));
    const forced = setTimeout(() => this.child.kill('SIGKILL'), 3000);
    await ended;
    clearTimeout(forced);
    this.socket.terminate();
    // helpers of the browser may still write for a moment
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  private call(method: string, params: object = {}, inPage = true): Promise<Record<string, unknown>> {
    const id = this.next++;
    this.socket.send(JSON.stringify({ id, method, params, ...(inPage && { sessionId: this.session }) }));
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result, error }) => {
        if (error !== undefined) reject(new Error(`${method}: ${error.message}`)); else resolve(result ?? {});
      });
    });
  }

  private received(reply: Reply): void {
    if (reply.id !== undefined) {
      this.waiting.get(reply.id)?.(reply);
      this.waiting.delete(reply.id);
    } else if (reply.method === 'Runtime.exceptionThrown') {
      this.errors.push(JSON.stringify(reply.params).slice(0, 500));
    } else if (reply.method === 'Log.entryAdded') {
      const { entry } = reply.params as { entry: { level: string; text: string; url?: string } };
      if (entry.level === 'error') this.errors.push(`${entry.text} ${entry.url ?? ''}`);
    }
  }
}
