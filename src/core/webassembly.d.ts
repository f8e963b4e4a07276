// The part of the WebAssembly JavaScript API that Weft uses. TypeScript declares it in its DOM library only, which
// would also let browser globals through the type checker.
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number; shared: true });
    readonly buffer: SharedArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array | ArrayBuffer);
  }
  type ImportValue = Memory | number | ((...args: never[]) => unknown);
  type Imports = Record<string, Record<string, ImportValue>>;
  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Record<string, unknown>;
  }
  function compile(bytes: Uint8Array | ArrayBuffer): Promise<Module>;
  function instantiate(module: Module, imports: Imports): Promise<Instance>;
  class RuntimeError extends Error {}
}
