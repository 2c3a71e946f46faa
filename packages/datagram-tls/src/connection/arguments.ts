/** What the caller of the core hands in: a mistake is an error at once, before anything changes. */
import { isReadable } from '../base/bytes.js';
import { invalidArgType, invalidArgValue, outOfRange } from '../base/errors.js';
import type { PeerAddress } from '../base/peer-address.js';
import { isByteArray } from '../config/checks.js';
import type { Role } from '../config/config.js';

const FAMILIES: readonly unknown[] = ['IPv4', 'IPv6', 'other'];
const MAX_PORT = 0xffff;

export function isBytes(value: unknown): value is Uint8Array {
  return isByteArray(value) && isReadable(value);
}

/** `role`: the only one that fits. */
export function checkSecurity(value: unknown, name: string, role?: Role): void {
  const given = fieldOf(value, 'role');
  if (given !== 'client' && given !== 'server')
    throw invalidArgType(name, 'what resolveSecurity returns', value);
  if (role !== undefined && given !== role)
    throw invalidArgValue(name, `must be of role ${role}, and is of role ${given}: resolve it for that`);
}

export function checkBehaviour(value: unknown, name: string): void {
  if (typeof fieldOf(value, 'mtu') !== 'number')
    throw invalidArgType(name, 'what resolveBehaviour returns', value);
}

/** The least numbers of records that a checkpoint leaves: enough for an alert and the messages of a KeyUpdate. */
export const MIN_RESERVE = 16;
/** Peers show 16 bits of a number: the other process has to find the rest (RFC 9147 §4.2.2). */
export const MAX_RESERVE = 16_384;

export function checkReserve(value: unknown): void {
  if (typeof value !== 'number') throw invalidArgType('reserve', 'a number', value);
  if (!Number.isInteger(value) || value < MIN_RESERVE || value > MAX_RESERVE)
    throw outOfRange('reserve', `an integer from ${MIN_RESERVE} to ${MAX_RESERVE}`, value);
}

export function checkLimits(value: unknown, name: string): void {
  if (typeof fieldOf(value, 'maxHeldBytes') !== 'number')
    throw invalidArgType(name, 'what resolveLimits returns', value);
}

export function checkDestination(value: unknown, name: string): void {
  if (!isObject(value)) throw invalidArgType(name, 'an object with serverName and verifyName', value);
}

export function checkAddress(value: unknown, name: string): asserts value is PeerAddress {
  if (!isObject(value)) throw invalidArgType(name, 'an object with address, port and family', value);
  const { address, port, family } = value as Partial<PeerAddress>;
  if (typeof address !== 'string') throw invalidArgType(`${name}.address`, 'a string', address);
  if (!FAMILIES.includes(family)) throw invalidArgValue(`${name}.family`, 'must be IPv4, IPv6 or other');
  if (typeof port !== 'number') throw invalidArgType(`${name}.port`, 'a number', port);
  if (!Number.isInteger(port) || port < 0 || (family !== 'other' && port > MAX_PORT))
    throw outOfRange(`${name}.port`, `an integer from 0 to ${MAX_PORT}`, port);
}

/** A datagram of an association; an answer without one is known by its class. */
export function checkOutgoing(value: unknown, name: string): void {
  if (!isObject(fieldOf(value, 'entry')))
    throw invalidArgType(name, 'what pollTransmit returned, and no copy of it', value);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) ? (value as Record<string, unknown>)[name] : undefined;
}
