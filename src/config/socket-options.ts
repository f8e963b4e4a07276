// envoy.config.core.v3.SocketOption as a plain value: an option that is set on a socket, and when.

export interface SocketOption {
  level: number;
  name: number;
  value: number | { base64: string };
  state: 'prebind' | 'bound' | 'listening';
}

/** What is asked of a listener's sockets besides their addresses. */
export interface ListenSocketOptions {
  transparent: boolean;
  freebind: boolean;
  /** Options of each address, in the order of ListenerConfig.addresses. */
  options: SocketOption[][];
}
