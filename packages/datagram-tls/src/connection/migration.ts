import { own, sameBytes } from '../base/bytes.js';
import type { Duration, Instant } from '../base/instant.js';
import type { PeerAddress } from '../base/peer-address.js';
import { Queue } from '../base/queue.js';
import { mayWrite } from '../record/reader-writer.js';
import { ContentType } from '../wire/codes.js';
import type { Reader, Writer } from '../wire/cursor.js';
import {
  decodeRoutability,
  encodeRoutability,
  ROUTABILITY_COOKIE_LENGTH,
  RoutabilityType,
} from '../wire/messages/return-routability.js';
import { encodeAddress, readAddress } from './address-bytes.js';
import type { Association } from './association.js';
import { notOpen, rebindError } from './errors.js';
import { isBeginning, isOpen } from './life.js';
import { Path, sameAddress } from './path.js';
import type { Carried } from './saved-state.js';

/** RFC 9853 §5.5: where no round trip is known, ms. */
const NO_ROUND_TRIP: Duration = 1000;
/** RFC 9853 §5.5: in round trips. */
const ROUND_TRIPS = 3;
/** A round trip of a local network leaves no time for a busy peer, ms. */
const MIN_WAIT: Duration = 100;
/** Challenges on a new path, each with twice the time of the one before: any of them may be lost. */
const MAX_CHALLENGES = 3;

/** Challenges from our own new address: the peer has to learn of it before it can answer. */
const MAX_OWN_CHALLENGES = 8;

/** Flags of a saved state. */
const SAVED = { former: 1, refused: 2 } as const;

/** A datagram for another address than that of the path, or from the address that our side has left. */
export interface PathDatagram {
  readonly data: Uint8Array;
  readonly to: PeerAddress;
  readonly fromFormer: boolean;
}

/** The one path_challenge that is not answered yet. */
interface Challenge {
  readonly cookie: Uint8Array;
  readonly on: Path;
  readonly wait: Duration;
  /** How many were sent on this path. */
  readonly count: number;
}

/** Our side has left its address, and nothing has come to the new one. */
interface Departure {
  wait: Duration;
  count: number;
}

/** What a change of the path asks of the connection. */
export interface MigratingHandshake {
  /** DTLS 1.3: asks for a spare connection ID where there is none. */
  changeIds(how: 'requestIds', now: Instant): void;
  /** Nothing is known of the path: its round trip and the size of its datagrams begin anew. */
  onNewPath(now: Instant): void;
  /** How long the last answer took, ms; `undefined` where that is not known. */
  readonly roundTrip: Duration | undefined;
}

/**
 * Follows the peer to a new address (RFC 9146 §6, RFC 9853 §5): at once, with at most three times the bytes that came from
 * there; the path before is kept until the new one is validated.
 *
 *   1. record      authentic, of the newest epoch and newer than any before, comes from another address
 *   2. challenge   where both sides check paths: with `enhanced` first on the path before, which pauses what we send
 *   3. response    on the new path: it is validated. On the path before: an attacker copies records, and we stay there
 *      drop        on the path before: the peer has left it on purpose, and the new one is challenged
 *      (none)      the path before is dead, and the new one is challenged; or the new one is, and we go back
 *
 * Our own side may leave its address, too: with a spare connection ID, which nobody has seen on the path before, and a message
 * that shows the peer the new one. A challenge that still comes to the former one is answered with a path_drop.
 */
export class Migration implements Carried {
  readonly #association: Association;
  readonly #handshake: { readonly whole: MigratingHandshake };
  /** The last validated path, while the current one is not. */
  #former: Path | undefined;
  #challenge: Challenge | undefined;
  /** An address that the application has refused. */
  #refused: PeerAddress | undefined;
  readonly #waiting = new Queue<PathDatagram>();
  #departure: Departure | undefined;
  /** Of the last challenge from our new address, until it is answered. */
  #ownCookie: Uint8Array | undefined;

  constructor(association: Association, handshake: { readonly whole: MigratingHandshake }) {
    this.#association = association;
    this.#handshake = handshake;
  }

  /** A check that is under way begins anew: see {@link resume}. */
  save(w: Writer): void {
    const former = this.#former;
    w.u8((former === undefined ? 0 : SAVED.former) | (this.#refused === undefined ? 0 : SAVED.refused));
    if (former !== undefined) {
      w.bytes(encodeAddress(former.address));
      former.save(w);
    }
    if (this.#refused !== undefined) w.bytes(encodeAddress(this.#refused));
  }

  restore(r: Reader): void {
    const { path, behaviour, cids } = this.#association;
    const saved = r.u8();
    const address = (saved & SAVED.former) === 0 ? undefined : readAddress(r);
    if (address !== undefined) {
      const former = new Path(address, behaviour.mtu, true);
      former.restore(r);
      former.size.onConnectionId(cids?.send.length ?? 0);
      // The socket of another process may write addresses in another form, in which it knows the peer's alone.
      if (address.family === path.address.family) this.#former = former;
    }
    if ((saved & SAVED.refused) !== 0) this.#refused = readAddress(r);
  }

  /** The application has refused that address. */
  refuses(from: PeerAddress): boolean {
    return this.#refused !== undefined && sameAddress(this.#refused, from);
  }

  /** Nothing but challenges is sent: it is not known which path is the peer's. */
  get paused(): boolean {
    return this.#challenge !== undefined && this.#challenge.on === this.#former;
  }

  /** The next challenge or answer to one, which goes before all else. */
  poll(): PathDatagram | undefined {
    return this.#waiting.shift();
  }

  /**
   * Our side has another address from now on. Nothing of the peer comes there before it has heard us: where paths are checked a
   * challenge tells it. Returns whether that is so.
   */
  leave(now: Instant): boolean {
    const association = this.#association;
    const { path, behaviour, cids, life } = association;
    if (!isOpen(life)) throw notOpen(!isBeginning(life.at));
    if (cids === undefined || cids.send.length === 0) throw rebindError('NO_CONNECTION_ID');
    association.changeConnectionId();
    if (path.validated) {
      association.path = new Path(path.address, behaviour.mtu, true);
      association.path.size.onConnectionId(cids.send.length);
    }
    this.#handshake.whole.onNewPath(now);
    this.#departure = { wait: this.#wait(), count: 0 };
    if (cids.checksPaths) this.#challengeFromHere(this.#departure, now);
    this.#handshake.whole.changeIds('requestIds', now);
    return cids.checksPaths;
  }

  /** No check of a path is under way, and the peer has been heard at our own address: {@link save} takes all of it. */
  get isQuiet(): boolean {
    return this.#challenge === undefined && this.#departure === undefined && this.#waiting.length === 0;
  }

  /** An authentic record has come; `atFormer`: to the address that our side has left. */
  onHeard(atFormer: boolean): void {
    if (this.#departure === undefined || atFormer) return;
    this.#departure = undefined;
    this.#association.timers.stop('own-path');
    this.#association.tell({ type: 'rebound' });
  }

  /** Nothing has come to our new address. */
  onOwnTimeout(now: Instant): void {
    const departure = this.#departure;
    if (departure === undefined || departure.count === MAX_OWN_CHALLENGES) return;
    departure.wait *= 2;
    this.#challengeFromHere(departure, now);
  }

  #challengeFromHere(departure: Departure, now: Instant): void {
    this.#ownCookie = this.#association.provider.randomBytes(ROUTABILITY_COOKIE_LENGTH);
    departure.count++;
    this.#put(RoutabilityType.path_challenge, this.#ownCookie, this.#association.path.address);
    this.#association.timers.set('own-path', now + departure.wait);
  }

  /** An authentic record, newer than any before, came from `from` in a datagram of `size` bytes. */
  onMoved(from: PeerAddress, size: number, now: Instant): void {
    const association = this.#association;
    const { path: before, behaviour, cids } = association;
    const former = before.validated ? before : (this.#former ?? before);
    const returns = sameAddress(former.address, from) && former.validated;
    // Whatever the new address is, the former one still has to answer: each copy of an attacker may come from another address.
    const asksFormer = !returns && this.paused;
    if (!asksFormer) this.#stop();
    this.#former = returns ? undefined : former;
    const path = returns ? former : new Path(from, behaviour.mtu, false, true);
    if (!returns) {
      path.size.onConnectionId(cids?.send.length ?? 0);
      path.bytesReceived = size;
    }
    association.path = path;
    // RFC 9147 §9.
    if (!returns) association.changeConnectionId();
    this.#handshake.whole.changeIds('requestIds', now);
    association.counters.migrations++;
    this.#handshake.whole.onNewPath(now);
    this.#tell(before.address, returns);
    if (returns || asksFormer || cids?.checksPaths !== true) return;
    if (association.epochs.writer.epoch > 0) this.#check(now);
  }

  /** The peer may have moved in the handshake, in which DTLS 1.2 has no keys for a challenge. */
  onOpen(now: Instant): void {
    const { path, cids } = this.#association;
    if (!path.validated && this.#challenge === undefined && cids?.checksPaths === true) this.#check(now);
  }

  /**
   * This process goes on with an association whose path is not validated. `doubtful`: the former process may have gone on,
   * too.
   */
  resume(doubtful: boolean, now: Instant): void {
    const { path, cids } = this.#association;
    if (doubtful) path.spend();
    if (!path.validated && cids?.checksPaths === true) this.#check(now);
  }

  /** The application, or an answer of the peer, vouches for the new address. */
  validate(): void {
    const { path } = this.#association;
    if (path.validated) return;
    const from = this.#former?.address ?? path.address;
    this.#stop();
    this.#former = undefined;
    path.validated = true;
    this.#tell(from, true);
  }

  /** The application refuses the new address. What waits goes to the one before. */
  refuse(now: Instant): void {
    const { path } = this.#association;
    if (path.validated || this.#former === undefined) return;
    this.#refused = path.address;
    this.#goBack(now);
  }

  /** The content of a record from `from`, which came `atFormer` address of ours; returns whether it was of use. */
  onMessage(content: Uint8Array, from: PeerAddress, atFormer: boolean, now: Instant): boolean {
    const message = decodeRoutability(content);
    if (message === undefined) return this.#drop('malformed_path_message');
    const { type, cookie } = message;
    if (type === RoutabilityType.path_challenge) return this.#answer(cookie, from, atFormer);
    // RFC 9853 §4: a message of an unknown type is ignored.
    if (type > RoutabilityType.path_drop) return this.#drop('unknown_path_message');
    const challenge = this.#challenge;
    if (this.#answersOurs(type, cookie, atFormer)) return true;
    // RFC 9853 §5.4: discarded silently.
    if (
      challenge === undefined ||
      !sameAddress(challenge.on.address, from) ||
      !sameBytes(challenge.cookie, cookie)
    )
      return this.#drop('unasked_path_message');
    const isFormer = challenge.on === this.#former;
    if (type === RoutabilityType.path_response) {
      if (isFormer) this.#goBack(now);
      else this.validate();
    } else if (isFormer) this.#challengeNew(now, 1);
    else return this.#drop('unasked_path_message');
    return true;
  }

  /** A challenge got no answer in time. */
  onTimeout(now: Instant): void {
    const challenge = this.#challenge;
    if (challenge === undefined) return;
    if (challenge.on === this.#former) return this.#challengeNew(now, 1);
    if (challenge.count < MAX_CHALLENGES)
      return this.#challengeNew(now, challenge.count + 1, 2 * challenge.wait);
    this.#association.counters.migrationsFailed++;
    this.#goBack(now);
  }

  #check(now: Instant): void {
    const former = this.#former;
    if (this.#association.behaviour.returnRoutability === 'enhanced' && former !== undefined)
      this.#send(former, now, 1, this.#wait());
    else this.#challengeNew(now, 1);
  }

  #challengeNew(now: Instant, count: number, wait = this.#wait()): void {
    this.#send(this.#association.path, now, count, wait);
  }

  /** RFC 9853 §5.3: each challenge has fresh random data. */
  #send(on: Path, now: Instant, count: number, wait: Duration): void {
    const cookie = this.#association.provider.randomBytes(ROUTABILITY_COOKIE_LENGTH);
    this.#challenge = { cookie, on, wait, count };
    this.#put(RoutabilityType.path_challenge, cookie, on.address);
    this.#association.timers.set('path', now + wait);
  }

  /** The answer has come to our new address, as {@link onHeard} has noted, or late: it counts once. */
  #answersOurs(type: number, cookie: Uint8Array, atFormer: boolean): boolean {
    const own = this.#ownCookie;
    if (type !== RoutabilityType.path_response || atFormer || own === undefined || !sameBytes(own, cookie))
      return false;
    this.#ownCookie = undefined;
    return true;
  }

  /** RFC 9853 §5.4: at once, once, and to the address that the challenge came from; §5.2: we have left `atFormer`. */
  #answer(cookie: Uint8Array, from: PeerAddress, atFormer: boolean): true {
    const type = atFormer ? RoutabilityType.path_drop : RoutabilityType.path_response;
    this.#put(type, own(cookie), from, atFormer);
    return true;
  }

  #put(type: number, cookie: Uint8Array, to: PeerAddress, fromFormer = false): void {
    const { epochs, path, cids } = this.#association;
    const { writer } = epochs;
    if (!mayWrite(writer) || writer.state === 'last') return;
    const content = encodeRoutability({ type, cookie });
    // The connection ID of the new path would show an observer of the former one where we are now.
    const cid = fromFormer ? cids?.formerSend : undefined;
    if (cid !== undefined && cid.length > 0) writer.useConnectionId(cid);
    const room = new Uint8Array(content.length + writer.overhead);
    const data = room.subarray(0, writer.seal(ContentType.return_routability_check, content, room, 0));
    if (cids !== undefined && cid !== undefined) writer.useConnectionId(cids.send);
    if (sameAddress(path.address, to) && !path.validated) {
      if (!path.grants(data.length)) return;
      path.bytesSent += data.length;
    }
    this.#waiting.push({ data, to, fromFormer });
  }

  #goBack(now: Instant): void {
    const former = this.#former;
    const { path } = this.#association;
    this.#stop();
    if (former === undefined) return;
    this.#former = undefined;
    this.#association.path = former;
    this.#handshake.whole.onNewPath(now);
    this.#tell(path.address, former.validated);
  }

  #stop(): void {
    this.#challenge = undefined;
    this.#association.timers.stop('path');
  }

  #wait(): Duration {
    const { roundTrip } = this.#handshake.whole;
    return roundTrip === undefined ? NO_ROUND_TRIP : Math.max(ROUND_TRIPS * roundTrip, MIN_WAIT);
  }

  #tell(from: PeerAddress, validated: boolean): void {
    const association = this.#association;
    const to = association.path.address;
    association.tell({ type: 'migrated', from, to, validated });
    association.trace({ kind: 'path', direction: 'received', from, to, validated });
  }

  #drop(reason: 'malformed_path_message' | 'unknown_path_message' | 'unasked_path_message'): false {
    this.#association.drop(reason);
    return false;
  }
}
