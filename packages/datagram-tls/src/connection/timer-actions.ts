import type { Instant } from '../base/instant.js';
import type { Association, HandshakeHost } from './association.js';
import type { Suspicion } from './contents.js';
import { handshakeTimeout } from './errors.js';
import type { Handshake } from './handshake.js';
import { HANDSHAKE_EPOCH, type KeyChanges } from './key-update.js';
import { isUndecided } from './life.js';
import type { Paths } from './paths.js';
import type { PeerWatch } from './peer-watch.js';
import type { TimerName } from './timers.js';

/** The purposes of timers. */
export interface Timed {
  readonly association: Association;
  readonly handshake: Handshake;
  readonly keys: KeyChanges;
  readonly suspicion: Suspicion;
  readonly watch: PeerWatch;
  readonly paths: Paths;
  readonly host: HandshakeHost & {
    end(error: undefined): void;
    forgetHeld(now: Instant): void;
  };
}

/** The actions of a connection's timers. */
export function onTimer(name: TimerName, timed: Timed, now: Instant): void {
  const { handshake, keys, watch, paths, host } = timed;
  switch (name) {
    case 'retransmit':
      return onRetransmit(timed, now);
    case 'repair':
      return handshake.onRepair(now);
    case 'ack':
      return handshake.onAckTimeout();
    case 'handshake':
      return onHandshakeTimeout(timed, now);
    case 'update-keys':
      return handshake.canUpdateKeys ? handshake.updateKeys(false, now) : undefined;
    case 'ask-again':
      return handshake.doubtsPsk ? handshake.askAgain(now) : undefined;
    case 'keep-alive':
      return watch.onKeepAlive(now);
    case 'forget-early':
      return keys.forgetEarlyReader();
    case 'forget-epochs':
      return keys.forgetOldReaders();
    case 'forget-held':
      return host.forgetHeld(now);
    case 'forget-flight':
      return handshake.forgetFlight();
    case 'path':
      return paths.onTimeout(now);
    case 'own-path':
      return paths.onOwnTimeout(now);
    case 'idle':
      return watch.onIdle(now);
    case 'close':
      return host.end(undefined);
  }
}

function onRetransmit({ suspicion, handshake, paths, host }: Timed, now: Instant): void {
  const { error } = suspicion;
  if (error !== undefined && handshake.restart(error, now)) suspicion.allay();
  else if (error !== undefined) host.onFailure(error);
  else {
    handshake.onTimeout(now);
    paths.onUnanswered(now);
  }
}

/** A server that sent under the session's keys has finished the handshake, with or without an ACK. */
function onHandshakeTimeout({ association, handshake, keys, suspicion, host }: Timed, now: Instant): void {
  if (isUndecided(association.life)) host.onDecline('expired');
  else if (keys.heard > HANDSHAKE_EPOCH) handshake.forgoAck(now);
  else {
    // A peer that was never heard is unreachable, whatever its key.
    const heard = association.counters.datagramsReceived > 0;
    host.onFailure(
      suspicion.error ?? handshakeTimeout(heard && handshake.doubtsPsk, heard, association.jobs.awaited),
    );
  }
}
