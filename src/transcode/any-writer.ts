// google.protobuf.Any from JSON: what stands before "@type" waits until the type is known; then a writer of that type
// takes all of it. A well-known type stands in "value".
import type { JsonEvents } from './json-events.js';
import type { Frame } from './message-frame.js';
import type { MessageWriter } from './message-writer.js';
import type { Scalar } from './scalars.js';
import { rendersScalar } from './well-known.js';
import { DELIMITED } from './wire.js';

type Waiting = (writer: AnyWriter) => void;
const NOT_VALUE = 'Expect a "value" field for well-known types.';

export class AnyWriter implements JsonEvents {
  private depth = 0;
  private invalid = false;
  private typeUrl = '';
  private content: MessageWriter | null = null;
  private known = false;
  private readonly waiting: Waiting[] = [];

  constructor(private readonly parent: MessageWriter, private readonly frame: Frame) {}

  startObject(name: string): void {
    this.depth++;
    if (this.content === null) this.waiting.push((writer) => writer.startObject(name));
    else this.content.startObject(this.nameOf(name));
  }

  /** False: the Any itself ends. */
  endObject(): boolean {
    this.depth--;
    if (this.content === null) { if (this.depth >= 0) this.waiting.push((writer) => void writer.endObject()); }
    else if (this.depth >= 0 || !this.known) this.content.endObject();
    if (this.depth >= 0) return true;
    this.write();
    return false;
  }

  startList(name: string): void {
    this.depth++;
    if (this.content === null) this.waiting.push((writer) => writer.startList(name));
    else this.content.startList(this.nameOf(name));
  }

  endList(): void {
    this.depth--;
    if (this.content === null) this.waiting.push((writer) => writer.endList());
    else this.content.endList();
  }

  scalar(name: string, value: Scalar): void {
    const { content } = this;
    if (content === null) {
      if (this.depth === 0 && name === '@type') this.begin(value);
      else this.waiting.push((writer) => writer.scalar(name, value));
    } else if (this.depth === 0 && this.known) {
      if (name !== 'value') this.refuse(NOT_VALUE);
      const type = content.type.wellKnown!;
      if (rendersScalar(type)) content.rootScalar('', value, true);
      else if (value !== null) this.refuse('Expect a JSON object.');
    } else content.scalar(name, value);
  }

  private begin(url: Scalar): void {
    if (typeof url !== 'string') {
      this.parent.invalidValue('String', String(url));
      this.invalid = true;
      return;
    }
    const type = this.parent.context.descriptors.ofUrl(url);
    this.typeUrl = url;
    if (typeof type === 'string') { this.refuse(type); return; }
    this.known = type.wellKnown !== null && type.wellKnown !== 'list';
    this.content = this.parent.another(type);
    if (!this.known) this.content.startObject('');
    for (const replay of this.waiting) replay(this);
  }

  private nameOf(name: string): string {
    if (!this.known || this.depth !== 1) return name;
    if (name !== 'value') this.refuse(NOT_VALUE);
    return '';
  }

  private refuse(why: string): void {
    if (!this.invalid) this.parent.invalidValue('Any', why);
    this.invalid = true;
  }

  private write(): void {
    if (this.content === null) {
      if (this.waiting.length > 0) this.refuse(`Missing @type for any field in ${this.parent.type.name}`);
      return;
    }
    const { out } = this.frame;
    out.tag(1, DELIMITED);
    out.delimited(Buffer.from(this.typeUrl, 'latin1'));
    const bytes = this.content.written;
    if (bytes === null || bytes.length === 0) return;
    out.tag(2, DELIMITED);
    out.delimited(bytes);
  }
}
