/** Why a server takes no early data from a ClientHello that offers some; it is then answered as any stranger's. */
export type EarlyRefusal =
  /** As many as may be wait for their peer's proof, or this endpoint takes no more sessions. */
  | 'busy'
  /** As many as may be wait with the client's host, or under its ticket. */
  | 'over_share'
  /** DTLS 1.3 is not what both sides speak. */
  | 'version'
  /** `sni` is a function: it is asked about clients whose address is proved. */
  | 'name'
  /** There is no key share of the group that we want. */
  | 'share'
  /** The first identity is no ticket of ours that can be used now. */
  | 'ticket'
  /** The ticket says nothing of early data, or of more than we take now. */
  | 'terms'
  /** The session would go on under another suite. */
  | 'suite'
  /** And with another application protocol. */
  | 'alpn'
  /** The ticket is not as old as the client says, or the clock was set back and it cannot be told whether it is new. */
  | 'age'
  /** The client does not have the session's secret. */
  | 'binder'
  /** This very ClientHello was here before. */
  | 'replayed'
  /** Whether it was cannot be told now. */
  | 'guard_full'
  /** Something in it, or a function of the application, would end a handshake. */
  | 'failed'
  /** It took too long to tell. */
  | 'expired';
