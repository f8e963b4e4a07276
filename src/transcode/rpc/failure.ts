// Why a value cannot go from JSON to an RPC protocol, or back: what is told to the client. Where the value stands is
// put together on the way out, so that values which can go cost nothing.
export class CarryError extends Error {
  private steps = '';

  /** `whole`: it is nothing of one value within. */
  constructor(private readonly reason: string, private readonly whole = false) { super(reason); }

  /** It is of this member, or this item. */
  within(step: string | number): this {
    this.steps = `[${typeof step === 'number' ? step : JSON.stringify(step)}]${this.steps}`;
    return this;
  }

  /** What the outermost value is called: an argument, the result. */
  of(place: string): this {
    if (!this.whole) this.message = `${place}${this.steps}: ${this.reason}`;
    return this;
  }
}
