// Values as Hessian has them. An int is a number, a long a bigint.
export class HessianDouble {
  constructor(readonly value: number) {}
}
/** A value that has no form in JSON: a date, bytes. */
export class HessianOpaque {
  constructor(readonly what: string) {}
}
export class HessianList {
  readonly items: HessianValue[] = [];
}
export class HessianMap {
  readonly entries: (readonly [HessianValue, HessianValue])[] = [];
  /** '': none is said. */
  constructor(readonly type: string) {}
}
export class HessianObject {
  readonly values: HessianValue[] = [];
  constructor(readonly type: string, readonly names: readonly string[]) {}

  /** Undefined: it has no such field. */
  field(name: string): HessianValue | undefined {
    const index = this.names.indexOf(name);
    return index < 0 ? undefined : this.values[index];
  }
}
export type HessianValue = null | boolean | number | bigint | string | HessianDouble | HessianOpaque | HessianList
  | HessianMap | HessianObject;

/** Of the two that are in use: 3.x's, which SOFARPC writes, and that of 4.x and Dubbo. */
export type HessianDialect = 'draft' | 'final';
