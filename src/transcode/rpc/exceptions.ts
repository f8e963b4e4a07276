// What an exception of Java says, as JSON tells it.
import { HessianMap, HessianObject } from './hessian-values.js';
import type { HessianValue } from './hessian-values.js';

export interface Failure { type: string; message: string }

const fieldOf = (value: HessianMap | HessianObject, name: string): HessianValue => {
  if (value instanceof HessianObject) return value.field(name) ?? null;
  return value.entries.find(([key]) => key === name)?.[1] ?? null;
};

/** Has it what every Throwable has? */
export const isThrowable = (value: HessianValue): value is HessianObject | HessianMap =>
  value instanceof HessianObject ? value.names.includes('detailMessage') && value.names.includes('stackTrace')
    : value instanceof HessianMap && value.type !== '' && value.entries.some(([key]) => key === 'detailMessage');

/** Class and message; those of the exception that it stands for, where it is the one that generic calls have. */
export function failureOf(value: HessianValue, otherwise: string): Failure {
  if (!(value instanceof HessianObject) && !(value instanceof HessianMap))
    return { type: otherwise, message: typeof value === 'string' ? value : '' };
  const text = (name: string): string => {
    const said = fieldOf(value, name);
    return typeof said === 'string' ? said : '';
  };
  const generic = text('exceptionClass');
  if (generic !== '') return { type: generic, message: text('exceptionMessage') };
  return { type: value.type === '' ? otherwise : value.type, message: text('detailMessage') };
}

export const failureJson = ({ type, message }: Failure): string => JSON.stringify({ error: { type, message } });
