// Why a value cannot go from JSON to an RPC protocol, or back: what is told to the client.
export class CarryError extends Error {}

/** Of a value within others: `argument 2 [3] "name"`. */
export const within = (place: string, name: string | number): string =>
  `${place}${typeof name === 'number' ? `[${name}]` : `[${JSON.stringify(name)}]`}`;
