// core.v3.SocketOption and what else a listener asks of its sockets. Fields of the listener that are options by another
// name become options.
import type { ListenSocketOptions, SocketOption as PlainSocketOption } from '../../config/socket-options.js';
import { fieldPath } from '../wire/message.js';
import type { Report } from '../wire/message.js';
import type { Listener, SocketOption } from '../wire/generated/messages.js';
import { boolOf } from './fields.js';

const IPPROTO_TCP = 6;
const TCP_FASTOPEN = 23;
const states = ['prebind', 'bound', 'listening'] as const;

export function readSocketOptions(options: readonly SocketOption[] | undefined, path: string,
  report: Report): PlainSocketOption[] {
  return (options ?? []).map((option, index): PlainSocketOption => {
    const at = `${path}[${index}]`;
    const level = Number(option.level ?? 0), name = Number(option.name ?? 0);
    const state = states[option.state ?? 0] ?? 'prebind';
    if (option.bufValue !== undefined)
      return { level, name, state, value: { base64: Buffer.from(option.bufValue).toString('base64') } };
    const value = Number(option.intValue ?? 0);
    for (const [field, number] of [['level', level], ['name', name], ['int_value', value]] as const)
      if (!Number.isInteger(number) || number < -(2 ** 31) || number >= 2 ** 31)
        report.fail(fieldPath(at, field), 'the kernel takes 32 bits');
    return { level, name, state, value };
  });
}

/** `count`: addresses of the listener. */
export function readListenSockets(message: Listener, count: number, path: string, report: Report): ListenSocketOptions {
  const usual = readSocketOptions(message.socketOptions, fieldPath(path, 'socket_options'), report);
  const fastOpen = message.tcpFastOpenQueueLength;
  const more: PlainSocketOption[] = fastOpen === undefined ? [] : [{ level: IPPROTO_TCP, name: TCP_FASTOPEN,
    value: fastOpen.value ?? 0, state: 'listening' }];
  const options = Array.from({ length: count }, (_, index) => {
    const own = index === 0 ? undefined : message.additionalAddresses?.[index - 1]?.socketOptions;
    return [...own === undefined ? usual : readSocketOptions(own.socketOptions,
      `${path}.additional_addresses[${index - 1}].socket_options.socket_options`, report), ...more];
  });
  return { transparent: boolOf(message.transparent, false), freebind: boolOf(message.freebind, false), options };
}
