// Why a call cannot be transcoded.
export class GrpcFailure extends Error {
  /** `code` of google.rpc.Code; `message` as latin1: one character is one byte. */
  constructor(readonly code: 'INVALID_ARGUMENT' | 'NOT_FOUND' | 'INTERNAL', message: string) { super(message); }

  get text(): string { return Buffer.from(this.message, 'latin1').toString('utf8'); }
}
