// The scripted ends of a simulated run: clients that ask as planned and judge what they get, upstreams that
// read, judge and answer as planned.
import type { SimEnd, SimNetwork } from '../../src/workers/reactor/sim-network.js';
import { chunked, MessageReader, pattern } from './message.js';
import type { Message } from './message.js';
import type { ClientPlan, RequestPlan } from './plan.js';

/** Writes in pieces and with pauses, as room allows. */
export class Writer {
  private queue: Buffer[] = [];
  private running = false;
  private then: (() => void) | null = null;
  constructor(
    private readonly network: SimNetwork,
    private readonly end: SimEnd,
    private readonly pieceBytes: number,
    private readonly pauseMs: number,
  ) {}

  write(bytes: Buffer): void {
    if (bytes.length > 0) this.queue.push(bytes);
    this.start();
  }
  /** Called once when everything has been handed over. */
  after(then: () => void): void {
    this.then = then;
    this.start();
  }

  private start(): void {
    if (!this.running) {
      this.running = true;
      this.network.after(0, () => {
        this.pump();
      });
    }
  }
  private pump(): void {
    this.running = false;
    while (this.queue.length > 0) {
      const first = this.queue[0]!;
      const written = this.end.write(first.subarray(0, this.pieceBytes));
      if (written < 0) {
        this.queue = [];
        break;
      }
      if (written === first.length) this.queue.shift();
      else this.queue[0] = first.subarray(written);
      if (written === 0 || this.pauseMs > 0) {
        this.running = true;
        this.network.after(Math.max(1, this.pauseMs), () => {
          this.pump();
        });
        return;
      }
    }
    const { then } = this;
    this.then = null;
    then?.();
  }
}

export type Outcome = { kind: 'served' | 'local'; status: number; bodyBytes: number } | { kind: 'cut' };

export class Client {
  readonly outcomes: Outcome[] = [];
  readonly faults: string[] = [];
  done = false;
  /** Requests from this index on came after a response that announced the end of its connection. */
  excusedFrom = Infinity;
  private readonly reader = new MessageReader();
  private readonly writer: Writer;
  private received = 0;
  private readonly tunnel: Buffer[] = [];
  private inTunnel = false;
  private tunnelSent = false;
  private sent = 0;
  private waiting = false;

  constructor(
    private readonly network: SimNetwork,
    private readonly end: SimEnd,
    readonly plan: ClientPlan,
    private readonly mayBeFooled: boolean,
  ) {
    this.writer = new Writer(network, end, plan.writeBytes, plan.writePauseMs);
    end.onReadable = () => {
      this.readable();
    };
    if (plan.pipelined) while (this.sent < plan.requests.length) this.send();
    else this.send();
    if (plan.leave === 'fin after sending' && plan.pipelined)
      this.writer.after(() => {
        this.end.shutdownSend();
      });
  }

  private send(): void {
    const request = this.plan.requests[this.sent++]!;
    const host = `c${request.cluster}.test`;
    const version = request.http10 ? 'HTTP/1.0' : 'HTTP/1.1';
    let head = `${request.method} /r/${request.id} ${version}\r\nHost: ${host}\r\nX-Id: ${request.id}\r\n`;
    if (request.tunnel) head += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    const body = request.tunnel ? Buffer.alloc(0) : pattern(request.id, request.requestBytes);
    if (request.request === 'length' || (request.request === 'chunked' && request.http10))
      head += `Content-Length: ${body.length}\r\n`;
    else if (request.request === 'chunked') head += 'Transfer-Encoding: chunked\r\n';
    this.writer.write(Buffer.from(`${head}\r\n`));
    this.writer.write(
      request.request === 'chunked' && !request.http10
        ? chunked(body, () => this.network.integer(1, 9000), this.network.chance(0.3) ? 'X-Trailer: 1\r\n' : '')
        : body,
    );
    if (this.plan.leave === 'fin after sending' && this.sent === this.plan.requests.length && !request.tunnel) {
      this.writer.after(() => {
        this.end.shutdownSend();
      });
    }
  }

  private readable(): void {
    if (this.waiting || this.done) return;
    if (this.plan.readBytes > 0) {
      this.waiting = true;
      this.network.after(this.plan.readPauseMs, () => {
        this.waiting = false;
        this.take(this.plan.readBytes);
      });
    } else this.take(Infinity);
  }

  private take(most: number): void {
    const { end } = this;
    let left = most;
    while (left > 0 && !this.done) {
      const bytes = end.read(left);
      if (bytes.length === 0) break;
      left -= bytes.length;
      this.received += bytes.length;
      if (this.inTunnel) this.tunnel.push(Buffer.from(bytes));
      else this.reader.push(bytes);
      this.judge(false);
      if ((this.plan.leave === 'reset' || this.plan.leave === 'fin') && this.received >= this.plan.leaveAfterBytes) {
        this.leave(this.plan.leave === 'reset');
        return;
      }
    }
    if (this.done) return;
    if (end.errno !== 0) {
      this.over();
      return;
    }
    if (end.readableBytes > 0) {
      this.readable();
      return;
    }
    if (!end.ended) return;
    this.judge(true);
    if (this.inTunnel && !this.tunnelSent) return; // a tunnel may be half-closed: ours goes on
    this.over();
  }

  private judge(ended: boolean): void {
    while (this.outcomes.length < this.plan.requests.length && !this.inTunnel) {
      const request = this.plan.requests[this.outcomes.length]!;
      const message = this.reader.next(false, request.method !== 'HEAD', ended);
      if (this.reader.error !== '') {
        this.faults.push(`request ${request.id}: ${this.reader.error}`);
        this.leave(true);
        return;
      }
      if (message === null) return;
      if (message.headers.get('connection') === 'close')
        this.excusedFrom = Math.min(this.excusedFrom, this.outcomes.length + 1);
      const status = Number(message.first.split(' ')[1]);
      if (status === 101) {
        this.open(request);
        return;
      }
      if (status < 200) continue;
      if (this.outcomes.length >= this.sent) this.faults.push(`a response to nothing after request ${request.id}`);
      this.outcomes.push(this.verdict(request, message, status));
      if (this.excusedFrom <= this.outcomes.length && !ended) {
        this.end.shutdownSend();
        return;
      }
      if (this.plan.requests.length > this.sent && !this.plan.pipelined && !ended) this.send();
    }
    if (this.inTunnel) return;
    if (this.reader.waiting > 0 && this.outcomes.length === this.plan.requests.length)
      this.faults.push(`${this.reader.waiting} bytes after the last response`);
    if (this.plan.leave === 'when done') this.leave(false);
  }

  private open(request: RequestPlan): void {
    this.inTunnel = true;
    this.tunnel.push(this.reader.rest());
    this.writer.write(pattern(request.id, request.requestBytes));
    this.writer.after(() => {
      this.tunnelSent = true;
      this.end.shutdownSend();
      this.readable();
    });
  }

  private verdict(request: RequestPlan, message: Message, status: number): Outcome {
    const id = message.headers.get('x-id');
    const bodyBytes = message.body.length;
    if (id === undefined) {
      // Bytes beyond a response that arrive late enough are the next one's: no proxy can tell.
      if (![408, 502, 503, 504].includes(status) && !this.mayBeFooled)
        this.faults.push(`request ${request.id}: unplanned answer ${message.first}`);
      return { kind: 'local', status, bodyBytes };
    }
    // A redirect that the proxy could not follow.
    if (message.headers.has('x-moved')) return { kind: 'local', status, bodyBytes };
    if (Number(id) !== request.id && this.mayBeFooled) return { kind: 'served', status, bodyBytes };
    if (Number(id) !== request.id) this.faults.push(`request ${request.id} got the response of ${id}`);
    if (status !== request.status && !(request.response === 'none' && status === 204))
      this.faults.push(`request ${request.id}: status ${status}`);
    const bytes =
      request.method === 'HEAD' || request.status === 304 || request.response === 'none' ? 0 : request.responseBytes;
    const wanted = pattern(request.id, bytes);
    const shortened = request.act === 'cut body' && !request.withReset && request.response === 'close';
    if (!(shortened ? wanted.subarray(0, message.body.length) : wanted).equals(message.body)) {
      this.faults.push(
        `request ${request.id}: ${message.body.length} bytes of body are not the ${bytes} that were sent`,
      );
    }
    return { kind: 'served', status, bodyBytes };
  }

  private leave(reset: boolean): void {
    if (this.done) return;
    this.end.close(reset);
    this.over();
  }

  private over(): void {
    if (this.done) return;
    this.done = true;
    if (this.inTunnel) {
      const request = this.plan.requests[0]!;
      const wanted = pattern(request.id + 1_000_000, request.responseBytes);
      const got = Buffer.concat(this.tunnel);
      if (!wanted.subarray(0, got.length).equals(got)) this.faults.push(`tunnel ${request.id}: bytes differ`);
      this.outcomes.push(
        got.length === wanted.length ? { kind: 'served', status: 101, bodyBytes: wanted.length } : { kind: 'cut' },
      );
    }
    while (this.outcomes.length < this.plan.requests.length) this.outcomes.push({ kind: 'cut' });
    this.end.close();
  }
}

/** What arrived at the upstreams, by request id. */
export interface Deliveries {
  heads: Map<number, number>;
  tunnels: Map<number, number>;
  /** Requests that were answered by a redirect. */
  moved: Set<number>;
  /** Some upstream sends more than its response: a connection may be given away before its request's own answer. */
  mayBeFooled: boolean;
  faults: string[];
}

export class UpstreamPeer {
  private readonly reader = new MessageReader();
  private readonly writer: Writer;
  private busy = false;
  private closed = false;
  private headSeen = 0;
  private answered = 0;
  private tunnel: RequestPlan | null = null;
  private readonly tunnelPieces: Buffer[] = [];
  private finished = false;

  constructor(
    private readonly network: SimNetwork,
    private readonly end: SimEnd,
    private readonly plans: ReadonlyMap<number, RequestPlan>,
    private readonly deliveries: Deliveries,
    private readonly redirects: boolean,
  ) {
    this.writer = new Writer(network, end, 1 << 20, 0);
    end.onReadable = () => {
      this.readable();
    };
  }

  private readable(): void {
    if (this.closed) return;
    for (let bytes = this.end.read(); bytes.length > 0; bytes = this.end.read()) {
      if (this.tunnel !== null) this.tunnelPieces.push(Buffer.from(bytes));
      else this.reader.push(bytes);
    }
    if (this.tunnel !== null) this.tunnelled();
    else this.serve();
    if (this.end.errno !== 0) this.close(false);
    else if (this.end.ended && !this.busy && this.tunnel === null) this.close(false);
  }

  private serve(): void {
    while (!this.busy && !this.closed) {
      const message = this.reader.next(true);
      if (this.reader.error !== '') {
        this.deliveries.faults.push(`upstream read: ${this.reader.error}`);
        this.close(true);
        return;
      }
      const seen = message ?? this.reader.partial;
      if (seen === null) return;
      const id = Number(seen.headers.get('x-id'));
      const plan = this.plans.get(id);
      if (plan === undefined) {
        this.deliveries.faults.push(`upstream got a request nobody sent: ${seen.first}`);
        this.close(true);
        return;
      }
      if (this.headSeen !== id) {
        this.headSeen = id;
        this.deliveries.heads.set(id, (this.deliveries.heads.get(id) ?? 0) + 1);
        // Out of step, a connection may give a request the redirect that was meant for another.
        if (seen.first !== `${plan.method} /r/${id} HTTP/1.1` && !seen.headers.has('x-moved'))
          this.deliveries.faults.push(`upstream got ${seen.first}`);
      }
      if (message === null && plan.act !== 'answer early') return;
      if (message !== null && !message.body.equals(pattern(id, plan.tunnel ? 0 : plan.requestBytes))) {
        this.deliveries.faults.push(
          `request ${id}: ${message.body.length} bytes of body are not the ${plan.requestBytes} that were sent`,
        );
      }
      if (message !== null) this.headSeen = 0;
      if (this.answered === id) {
        // early: the rest of the request follows its answer
        if (message === null) return;
        this.answered = 0;
        continue;
      }
      if (message === null) this.answered = id;
      this.busy = true;
      this.network.after(plan.delayMs, () => {
        this.answer(plan);
      });
    }
  }

  private answer(plan: RequestPlan): void {
    if (this.closed) return;
    if (plan.tunnel) {
      this.openTunnel(plan);
      return;
    }
    const { act } = plan;
    if (this.redirects && plan.id % 3 === 0 && !this.deliveries.moved.has(plan.id)) {
      this.deliveries.moved.add(plan.id);
      this.writer.write(
        Buffer.from(
          `HTTP/1.1 302 Moved\r\nX-Id: ${plan.id}\r\nLocation: http://c${1 - plan.cluster}.test/r/${plan.id}\r\n` +
            'X-Moved: 1\r\nContent-Length: 0\r\n\r\n',
        ),
      );
      this.writer.after(() => {
        this.busy = false;
        this.network.after(0, () => {
          this.readable();
        });
      });
      return;
    }
    if (act === 'never') return;
    if (act === 'reset' || act === 'fin') {
      this.close(act === 'reset');
      return;
    }
    if (act === 'garbage') {
      this.writer.write(Buffer.from('HTTP/1.1 two hundred\r\n\r\n'));
      this.writer.after(() => {
        this.close(false);
      });
      return;
    }
    const bytes = this.response(plan);
    if (act === 'interim') this.writer.write(Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'));
    if (act === 'cut head' || act === 'cut body') {
      const head = bytes.indexOf('\r\n\r\n') + 4;
      const most = act === 'cut head' ? head - 1 : bytes.length - 1;
      const least = act === 'cut head' ? 1 : head;
      this.writer.write(
        bytes.subarray(
          0,
          Math.min(bytes.length, Math.max(least, this.network.integer(least, Math.max(least, most)))),
        ),
      );
      this.writer.after(() => {
        this.close(plan.withReset);
      });
      return;
    }
    this.writer.write(bytes);
    if (act === 'too much' && plan.response !== 'close')
      this.writer.write(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    const hasBody = plan.method !== 'HEAD' && plan.status !== 304;
    const last =
      act === 'answer and close' || act === 'answer and close silently' || (plan.response === 'close' && hasBody);
    this.writer.after(() => {
      if (last) {
        this.close(false);
        return;
      }
      this.busy = false;
      this.network.after(0, () => {
        this.readable();
      });
    });
  }

  private response(plan: RequestPlan): Buffer {
    const body =
      plan.method === 'HEAD' || plan.status === 304 || plan.response === 'none'
        ? Buffer.alloc(0)
        : pattern(plan.id, plan.responseBytes);
    const status = plan.response === 'none' ? 204 : plan.status;
    let head = `HTTP/1.1 ${status} Fine\r\nX-Id: ${plan.id}\r\nServer: upstream\r\n`;
    if (plan.act === 'answer and close') head += 'Connection: close\r\n';
    if (plan.response === 'length' && plan.status !== 304)
      head += `Content-Length: ${plan.method === 'HEAD' ? plan.responseBytes : body.length}\r\n`;
    if (plan.response === 'chunked' && plan.status !== 304) head += 'Transfer-Encoding: chunked\r\n';
    const inChunks = plan.response === 'chunked' && plan.method !== 'HEAD' && plan.status !== 304;
    return Buffer.concat([
      Buffer.from(`${head}\r\n`),
      inChunks ? chunked(body, () => this.network.integer(1, 5000)) : body,
    ]);
  }

  private openTunnel(plan: RequestPlan): void {
    this.tunnel = plan;
    this.tunnelPieces.push(this.reader.rest());
    this.writer.write(
      Buffer.from(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX-Id: ${plan.id}\r\n\r\n`,
      ),
    );
    this.writer.write(pattern(plan.id + 1_000_000, plan.responseBytes));
    this.writer.after(() => {
      this.end.shutdownSend();
      this.finished = true;
      this.tunnelled();
    });
  }

  private tunnelled(): void {
    const plan = this.tunnel!;
    if (this.end.ended || this.end.errno !== 0) {
      const bytes = Buffer.concat(this.tunnelPieces);
      const { mayBeFooled } = this.deliveries;
      if (!mayBeFooled && !pattern(plan.id, plan.requestBytes).subarray(0, bytes.length).equals(bytes))
        this.deliveries.faults.push(`tunnel ${plan.id}: bytes differ`);
      this.deliveries.tunnels.set(plan.id, bytes.length);
    }
    if (this.finished && this.end.ended) this.close(false);
  }

  private close(reset: boolean): void {
    if (this.closed) return;
    this.closed = true;
    this.end.close(reset);
  }
}
