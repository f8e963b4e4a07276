// Contents of Bolt frames as SOFARPC has them: objects of Hessian's draft dialect, byte by byte.
import { hex, hs } from './dubbo-frames.js';

export const REQUEST = 'com.alipay.sofa.rpc.core.request.SofaRequest';
export const RESPONSE = 'com.alipay.sofa.rpc.core.response.SofaResponse';

/** A definition of the draft dialect, and an instance of it. */
export const object = (type: string, fields: readonly (readonly [name: string, hex: string])[]): Buffer =>
  Buffer.concat([hex('4f'), hex(type.length < 48 ? (0x90 + type.length).toString(16) : `c8${type.length.toString(16)}`),
    Buffer.from(type), hex((0x90 + fields.length).toString(16)), ...fields.map(([name]) => hs(name)), hex('6f90'),
    ...fields.map(([, value]) => hex(value))]);
/** A string, which has two lengths only. */
export const text = (value: string): string => value.length < 32 ? hs(value).toString('hex')
  : `53${value.length.toString(16).padStart(4, '0')}${Buffer.from(value).toString('hex')}`;
/** `values`: of the arguments, in hex. */
export const sofaRequest = (method: string, service: string, signatures: readonly string[],
  values: string): string => object(REQUEST, [['targetAppName', '4e'], ['methodName', text(method)],
  ['targetServiceUniqueName', text(service)], ['requestProps', '4e'],
  ['methodArgSigs', `567400075b737472696e676e${signatures.length.toString(16).padStart(2, '0')}`
    + `${signatures.map(text).join('')}7a`]]).toString('hex') + values;
export const sofaResponse = (value: string, isError = '46', message = '4e'): Buffer => object(RESPONSE,
  [['isError', isError], ['errorMsg', message], ['appResponse', value], ['responseProps', '4e']]);
