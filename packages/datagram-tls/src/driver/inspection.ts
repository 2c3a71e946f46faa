import { type InspectOptions, inspect } from 'node:util';

/** What an address in a text is made of; `PeerAddress` and dgram's `rinfo` both have it. */
interface HostAndPort {
  readonly address: string;
  readonly port: number;
}

/** What `util.inspect` and `console.log` show of a public object: `fields` without those that are undefined. */
export function inspection(name: string, fields: object, depth: number, options: InspectOptions): string {
  if (depth < 0) return `[${name}]`;
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  const nested = { ...options, depth: options.depth === null ? null : depth - 1 };
  return `${name} ${inspect(Object.fromEntries(shown), nested)}`;
}

/** An address as people write it, such as `[::1]:4433`. */
export function addressText({ address, port }: HostAndPort): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What is shown of a session. */
interface Inspected {
  readonly destroyed: boolean;
  readonly remoteAddress: HostAndPort | undefined;
  readonly localAddress: HostAndPort | undefined;
  readonly servername: string | undefined;
  readonly protocol: string | undefined;
  readonly cipher: { readonly name: string } | undefined;
  readonly alpnProtocol: string | undefined;
  readonly pskIdentity: string | undefined;
  readonly authorized: boolean;
  readonly authorizationError: string | undefined;
}

/** `failure`: what ended it. */
export function sessionFields(session: Inspected, failure: Error | undefined): object {
  const { destroyed, remoteAddress, localAddress, protocol } = session;
  return {
    state: destroyed ? 'closed' : protocol === undefined ? 'handshaking' : 'open',
    remoteAddress: remoteAddress && addressText(remoteAddress),
    localAddress: localAddress && addressText(localAddress),
    servername: session.servername,
    protocol,
    cipher: session.cipher?.name,
    alpnProtocol: session.alpnProtocol,
    pskIdentity: session.pskIdentity,
    authorized: destroyed ? undefined : session.authorized,
    authorizationError: session.authorizationError,
    error: failure?.message,
  };
}
