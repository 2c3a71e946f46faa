import type { Instant } from '../base/instant.js';
import type { Association, HandshakeHost } from './association.js';
import { handshakeTimeout } from './errors.js';
import type { KeptHandshake } from './kept-handshake.js';
import { HANDSHAKE_EPOCH, type KeyChanges } from './key-update.js';
import { isUndecided } from './life.js';
import type { Paths } from './paths.js';
import type { PeerWatch } from './peer-watch.js';
import type { TimerName } from './timers.js';

/** The purposes of timers. */
export interface Timed {
  readonly association: Association;
  readonly handshake: KeptHandshake;
  readonly keys: KeyChanges;
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
      return handshake.whole.onRepair(now);
    case 'ack':
      return handshake.whole.onAckTimeout();
    case 'handshake':
      return onHandshakeTimeout(timed, now);
    case 'update-keys':
      return handshake.canUpdateKeys ? handshake.whole.updateKeys(false, now) : undefined;
    case 'ask-again':
      return handshake.whole.doubtsPsk ? handshake.whole.askAgain(now) : undefined;
    case 'keep-alive':
      return watch.onKeepAlive(now);
    case 'forget-early':
      return keys.forgetEarlyReader();
    case 'forget-epochs':
      return keys.forgetOldReaders();
    case 'forget-held':
      return host.forgetHeld(now);
    case 'forget-flight':
      return handshake.whole.forgetFlight();
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

function onRetransmit({ handshake, paths, host }: Timed, now: Instant): void {
  const { whole } = handshake;
  const error = whole.suspicion.onTimeout(now);
  if (error !== undefined && whole.restart(error, now)) whole.suspicion.allay();
  else if (error !== undefined) host.onFailure(error);
  else {
    whole.onTimeout(now);
    paths.onUnanswered(now);
  }
}

/** A server that sent under the session's keys has finished the handshake, with or without an ACK. */
function onHandshakeTimeout({ association, handshake, keys, host }: Timed, now: Instant): void {
  const { suspicion, doubtsPsk } = handshake.whole;
  if (isUndecided(association.life)) host.onDecline('expired');
  else if (keys.heard > HANDSHAKE_EPOCH) handshake.whole.forgoAck(now);
  else {
    // A peer that was never heard is unreachable, whatever its key.
    const heard = association.counters.datagramsReceived > 0;
    host.onFailure(suspicion.error ?? handshakeTimeout(heard && doubtsPsk, heard, association.awaitedJob));
  }
}
