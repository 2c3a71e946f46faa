import { spawnSync } from 'node:child_process';
import type { Place } from './attacks/attack.js';

/** The addresses of one battle, and the network namespaces of its programs. */
export interface Ground {
  readonly server: string;
  readonly honest: string;
  /** The attacker's addresses begin with it. */
  readonly prefix: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly serverNamespace?: string;
  readonly clientNamespace?: string;
  leave(): void;
}

const LOOPBACK: Ground = {
  server: '127.0.0.1',
  honest: '127.9.0.1',
  prefix: '127.66.',
  family: 'IPv4',
  leave: () => undefined,
};
const UPLINK = '2mbit';
/** Addresses of one /64. */
const CROWD = 1300;

/** Why namespaces cannot be made here; `undefined` where they can. */
export function namespacesMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  const name = `siege-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.error !== undefined) return 'ip is not installed';
  if (made.status !== 0) return 'network namespaces need root';
  const works =
    spawnSync('ip', ['netns', 'exec', name, 'tc', 'qdisc', 'show'], { encoding: 'utf8' }).status === 0;
  spawnSync('ip', ['netns', 'del', name]);
  return works ? undefined : 'tc does not work in a network namespace';
}

/** Sets the place up; `leave` removes it. */
export function enter(place: Place): Ground {
  if (place === 'ipv6') return oneHostWithManyAddresses();
  if (place === 'slow-uplink') return slowUplink();
  if (place === 'slow-router') return slowRouter();
  return LOOPBACK;
}

/** A loopback with an address for the server, one for honest clients, and many in the attacker's /64. */
function oneHostWithManyAddresses(): Ground {
  const namespace = `siege6-${process.pid}`;
  const [server, honest, prefix] = ['fd77:0:0:1::1', 'fd77:0:0:3::1', 'fd77:0:0:2::'];
  const leave = () => void spawnSync('ip', ['netns', 'del', namespace]);
  make(leave, [`netns add ${namespace}`, `-n ${namespace} link set lo up`]);
  const crowd = Array.from({ length: CROWD }, (_, i) => `${prefix}${(i + 1).toString(16)}`);
  const lines = [server, honest, ...crowd].map((address) => `address add ${address}/128 dev lo nodad\n`);
  make(leave, [`-n ${namespace} -batch -`], lines.join(''));
  const [serverNamespace, clientNamespace] = [namespace, namespace];
  return { server, honest, prefix, family: 'IPv6', serverNamespace, clientNamespace, leave };
}

/** Two hosts, one behind a slow link; the other has every address of a /16. */
function slowUplink(): Ground {
  const [server, client] = [`siege-s-${process.pid}`, `siege-c-${process.pid}`];
  const leave = () => {
    for (const namespace of [server, client]) spawnSync('ip', ['netns', 'del', namespace]);
  };
  make(leave, [
    `netns add ${server}`,
    `netns add ${client}`,
    `-n ${server} link add uplink type veth peer name uplink netns ${client}`,
    `-n ${server} link set lo up`,
    `-n ${client} link set lo up`,
    `-n ${server} address add 10.98.0.1/30 dev uplink`,
    `-n ${client} address add 10.98.0.2/30 dev uplink`,
    `-n ${server} link set uplink up`,
    `-n ${client} link set uplink up`,
    `-n ${server} route add default via 10.98.0.2`,
    `-n ${client} route add local 10.99.0.0/16 dev lo`,
    `netns exec ${server} tc qdisc add dev uplink root tbf rate ${UPLINK} burst 16kb latency 100ms`,
  ]);
  return {
    server: '10.98.0.1',
    honest: '10.98.0.2',
    prefix: '10.99.',
    family: 'IPv4',
    serverNamespace: server,
    clientNamespace: client,
    leave,
  };
}

/** Two hosts with a router between them, whose link to the client is slow and whose queue is short. */
function slowRouter(): Ground {
  const [server, router, client] = [
    `siege-s-${process.pid}`,
    `siege-r-${process.pid}`,
    `siege-c-${process.pid}`,
  ];
  const leave = () => {
    for (const namespace of [server, router, client]) spawnSync('ip', ['netns', 'del', namespace]);
  };
  make(leave, [
    ...[server, router, client].map((namespace) => `netns add ${namespace}`),
    `-n ${server} link add uplink type veth peer name inside netns ${router}`,
    `-n ${router} link add outside type veth peer name uplink netns ${client}`,
    ...[server, router, client].map((namespace) => `-n ${namespace} link set lo up`),
    `-n ${server} address add 10.98.0.1/30 dev uplink`,
    `-n ${router} address add 10.98.0.2/30 dev inside`,
    `-n ${router} address add 10.98.1.1/30 dev outside`,
    `-n ${client} address add 10.98.1.2/30 dev uplink`,
    `-n ${server} link set uplink up`,
    `-n ${router} link set inside up`,
    `-n ${router} link set outside up`,
    `-n ${client} link set uplink up`,
    `-n ${server} route add default via 10.98.0.2`,
    `-n ${client} route add default via 10.98.1.1`,
    `-n ${router} route add 10.99.0.0/16 via 10.98.1.2`,
    `-n ${client} route add local 10.99.0.0/16 dev lo`,
    `netns exec ${router} sysctl -qw net.ipv4.ip_forward=1`,
    `netns exec ${router} tc qdisc add dev outside root tbf rate ${UPLINK} burst 16kb latency 100ms`,
  ]);
  return {
    server: '10.98.0.1',
    honest: '10.98.1.2',
    prefix: '10.99.',
    family: 'IPv4',
    serverNamespace: server,
    clientNamespace: client,
    leave,
  };
}

function make(leave: () => void, commands: readonly string[], input = ''): void {
  for (const command of commands) {
    const { status, stderr } = spawnSync('ip', command.split(' '), { encoding: 'utf8', input });
    if (status === 0) continue;
    leave();
    throw new Error(`ip ${command}: ${stderr.trim()}`);
  }
}
