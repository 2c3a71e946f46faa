import { parseCidLength, parseCount } from '../args.js';
import { parseConfigId, parseServerId } from '../server-id.js';
import { BOTH, CLIENT, type Flag, SERVER } from './flag.js';

/** What is negotiated with the peer, and how large its messages may be. */
export const NEGOTIATION_FLAGS: readonly Flag[] = [
  {
    flags: '--servername <name>',
    help: 'name to ask for and to find in the certificate (default: HOST)',
    roles: CLIENT,
    option: 'servername',
  },
  {
    flags: '--mtu <bytes>',
    help: 'largest datagram to send, in bytes of UDP payload (default: 1200)',
    roles: BOTH,
    option: 'mtu',
    parse: parseCount,
  },
  {
    flags: '--record-size-limit <bytes>',
    help: 'largest record to receive, in bytes of content (RFC 8449)',
    roles: BOTH,
    option: 'recordSizeLimit',
    parse: parseCount,
  },
  {
    flags: '--max-fragment-length <bytes>',
    help: 'largest record to ask older servers for: 512, 1024, 2048 or 4096 (RFC 6066)',
    roles: CLIENT,
    option: 'maxFragmentLength',
    parse: parseCount,
  },
  {
    flags: '--min-version <version>',
    help: 'lowest version to accept: DTLSv1.2 or DTLSv1.3',
    roles: BOTH,
    option: 'minVersion',
  },
  {
    flags: '--max-version <version>',
    help: 'highest version to accept: DTLSv1.2 or DTLSv1.3',
    roles: BOTH,
    option: 'maxVersion',
  },
  {
    flags: '--ciphers <list>',
    help: 'cipher suites, best first: OpenSSL or IANA names, with colons between; CCM and CBC of 1.2 have to be named',
    roles: BOTH,
    option: 'ciphers',
  },
  {
    flags: '--groups <list>',
    help: 'key exchange groups, best first, with colons between',
    roles: BOTH,
    option: 'groups',
  },
  {
    flags: '--key-shares <list>',
    help: 'groups whose share goes into the first flight of DTLS 1.3, with colons between',
    roles: CLIENT,
    option: 'keyShares',
  },
  {
    flags: '--sigalgs <list>',
    help: 'signature schemes, best first: IANA names, with colons between',
    roles: BOTH,
    option: 'sigalgs',
  },
  {
    flags: '--alpn <list>',
    help: 'application protocols, best first, with commas between',
    roles: BOTH,
    option: 'alpn',
    parse: (list) => list.split(','),
  },
  {
    flags: '--srtp <list>',
    help: "SRTP profiles, best first: OpenSSL's names, with colons between",
    roles: BOTH,
    option: 'srtp',
  },
  {
    flags: '--cid [length]',
    help: "give the peer's records a connection ID of up to 20 bytes (default: 8), by which the session survives a change of address; 0: only take the peer's",
    roles: BOTH,
    option: 'connectionId',
    parse: parseCidLength,
  },
  {
    flags: '--cid-server-id <hex>',
    help: 'connection IDs with this ID of the server, by which a load balancer routes (QUIC-LB); default length: 7 bytes more',
    roles: SERVER,
    parse: parseServerId,
  },
  {
    flags: '--cid-key <file>',
    help: 'encrypt the server ID in them with the key in this file, 16 bytes or 32 hex digits: that of the load balancer',
    roles: SERVER,
    needs: ['cidServerId'],
  },
  {
    flags: '--cid-config <n>',
    help: 'number of the configuration of the load balancer, 0 to 6 (default: 0)',
    roles: SERVER,
    parse: parseConfigId,
    needs: ['cidServerId'],
  },
];
