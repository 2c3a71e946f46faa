import { type Channel, channel } from 'node:diagnostics_channel';

/**
 * What `node:diagnostics_channel` gets. Before anything is made for a channel its `hasSubscribers` is asked: without
 * subscribers an event costs one property.
 */
export const CHANNELS = {
  sessionStart: channel('datagram-tls.session.start'),
  sessionOpen: channel('datagram-tls.session.open'),
  sessionError: channel('datagram-tls.session.error'),
  sessionEnd: channel('datagram-tls.session.end'),
  sessionDrop: channel('datagram-tls.session.drop'),
  sessionMigrate: channel('datagram-tls.session.migrate'),
  endpointOpen: channel('datagram-tls.endpoint.open'),
  endpointError: channel('datagram-tls.endpoint.error'),
  endpointClose: channel('datagram-tls.endpoint.close'),
  endpointRefused: channel('datagram-tls.endpoint.refused'),
  endpointDrop: channel('datagram-tls.endpoint.drop'),
};

/** A subscriber that throws is reported as an uncaught exception, as Node does, and the current work goes on. */
export function publish(to: Channel, event: object): void {
  try {
    to.publish(event);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

type Published = { readonly endpoint: object };

export function tellOpen(session: Published, protocol: string): void {
  if (CHANNELS.sessionOpen.hasSubscribers)
    publish(CHANNELS.sessionOpen, { session, endpoint: session.endpoint, protocol });
}

/** A message of `session` was dropped. */
export function tellDrop(session: Published, reason: string): void {
  if (CHANNELS.sessionDrop.hasSubscribers)
    publish(CHANNELS.sessionDrop, { session, endpoint: session.endpoint, reason, count: 1 });
}

export function tellError(session: Published, error: Error): void {
  if (CHANNELS.sessionError.hasSubscribers)
    publish(CHANNELS.sessionError, { session, endpoint: session.endpoint, error });
}

/** `error`: of a session that failed. */
export function tellEnd(session: Published, error: Error | undefined): void {
  if (CHANNELS.sessionEnd.hasSubscribers)
    publish(CHANNELS.sessionEnd, { session, endpoint: session.endpoint, error });
}
