// The runtime as code reads it. Configuration compiles a key and its default into a cell once; a request reads the
// cell. After a change all values are set anew; a cell notices by the version and looks its key up again, so cells
// belong to whoever made them and nothing keeps a list of them. Each worker has one Runtime, and main has one.
import type { RuntimeEntries, RuntimeFlag, RuntimeFraction, RuntimeNumber, RuntimeValue } from './runtime.js';
import { flagOfText, numberOfText } from './runtime.js';

export class Runtime {
  version = 0;
  private values = new Map<string, RuntimeValue>();

  /** Takes all values that are in force now. */
  set(entries: RuntimeEntries): void {
    this.values = new Map(entries);
    this.version++;
  }
  lookUp(key: string): RuntimeValue | null { return this.values.get(key) ?? null; }

  fraction(from: RuntimeFraction): FractionCell { return new FractionCell(this, from); }
  number(from: RuntimeNumber): NumberCell { return new NumberCell(this, from); }
  flag(from: RuntimeFlag): FlagCell { return new FlagCell(this, from); }
}

/** A share of requests. */
export class FractionCell {
  private version = -1;
  private numerator = 0;
  private denominator = 100;

  constructor(private readonly runtime: Runtime, private readonly from: RuntimeFraction) {}

  /** Does a request with this random number (any integer of 32 bits) belong to the share? */
  holds(random: number): boolean {
    if (this.version !== this.runtime.version) this.refresh();
    return (random >>> 0) % this.denominator < this.numerator;
  }
  /** True when every request belongs to it: the random number need not be made. */
  get isAll(): boolean {
    if (this.version !== this.runtime.version) this.refresh();
    return this.numerator >= this.denominator;
  }
  /** True when no request belongs to it. */
  get isNone(): boolean {
    if (this.version !== this.runtime.version) this.refresh();
    return this.numerator === 0;
  }

  private refresh(): void {
    this.version = this.runtime.version;
    const { runtimeKey, numerator, denominator } = this.from;
    this.numerator = numerator;
    this.denominator = denominator;
    const value = runtimeKey === '' ? null : this.runtime.lookUp(runtimeKey);
    if (value === null) return;
    if (value.fraction !== null) {
      this.numerator = value.fraction.numerator;
      this.denominator = value.fraction.denominator;
      return;
    }
    const percent = numberOfText(value.text);
    if (percent === null || percent < 0 || !Number.isInteger(percent)) return;
    this.numerator = Math.min(100, percent);
    this.denominator = 100;
  }
}

export class NumberCell {
  private version = -1;
  private current = 0;

  constructor(private readonly runtime: Runtime, private readonly from: RuntimeNumber) {}

  get value(): number {
    if (this.version !== this.runtime.version) this.refresh();
    return this.current;
  }

  private refresh(): void {
    this.version = this.runtime.version;
    const value = this.from.runtimeKey === '' ? null : this.runtime.lookUp(this.from.runtimeKey);
    this.current = (value === null ? null : numberOfText(value.text)) ?? this.from.defaultValue;
  }
}

export class FlagCell {
  private version = -1;
  private current = false;

  constructor(private readonly runtime: Runtime, private readonly from: RuntimeFlag) {}

  get value(): boolean {
    if (this.version !== this.runtime.version) this.refresh();
    return this.current;
  }

  private refresh(): void {
    this.version = this.runtime.version;
    const value = this.from.runtimeKey === '' ? null : this.runtime.lookUp(this.from.runtimeKey);
    this.current = (value === null ? null : flagOfText(value.text)) ?? this.from.defaultValue;
  }
}
