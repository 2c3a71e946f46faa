import { decoded, violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import {
  CertificateType,
  type CertificateTypeName,
  certificateTypeName,
  ExtensionType,
} from '../wire/codes.js';
import { Reader, Writer } from '../wire/cursor.js';
import type { Extensions } from '../wire/extension-block.js';
import { type Extension, extension } from './extension.js';

export const clientCertificateTypeRow: Extension = extension(
  ExtensionType.client_certificate_type,
  ['CH', 'EE'],
  ({ security }) => offerTypes(ownTypes(security)),
);

export const serverCertificateTypeRow: Extension = extension(
  ExtensionType.server_certificate_type,
  ['CH', 'EE'],
  ({ security }) => offerTypes(security.peerCertificateTypes),
);

/** Nothing where there is nothing to say but what holds without the extension (RFC 7250 §4.1). */
function offerTypes(names: readonly CertificateTypeName[]): Uint8Array | undefined {
  if (names.every((name) => DEFAULT.includes(name))) return undefined;
  return encodeCertificateTypeRequest(Uint8Array.from(names, (name) => CertificateType[name]));
}

/** What a ClientHello says of the types; `undefined` where it says nothing. */
export interface OfferedTypes {
  /** What the client can show of itself. */
  readonly clientTypes: readonly CertificateTypeName[] | undefined;
  /** What it takes of the server. */
  readonly serverTypes: readonly CertificateTypeName[] | undefined;
}

/** What each side shows of itself, if it shows anything: certificates, or a raw public key (RFC 7250). */
export interface CertificateTypes {
  readonly client: CertificateTypeName;
  readonly server: CertificateTypeName;
}

const DEFAULT: readonly CertificateTypeName[] = ['X509'];

/** What the client learns from the server's answers. That each answers an offer of ours has been checked. */
export function readCertificateTypes(security: Security, answers: Extensions): CertificateTypes {
  return {
    client: readAnswer(answers, 'client_certificate_type', ownTypes(security)),
    server: readAnswer(answers, 'server_certificate_type', security.peerCertificateTypes),
  };
}

function readAnswer(
  answers: Extensions,
  name: 'client_certificate_type' | 'server_certificate_type',
  offered: readonly CertificateTypeName[],
): CertificateTypeName {
  const body = answers.get(ExtensionType[name]);
  if (body === undefined) return 'X509';
  const type = certificateTypeName(decoded(decodeCertificateTypeResponse(body), name));
  if (type === undefined || !offered.includes(type))
    throw violation('illegal_parameter', `the server chose a ${name} that was not offered`);
  return type;
}

/** What the server may show this client. */
export function typesToShow({ serverTypes }: OfferedTypes): readonly CertificateTypeName[] {
  return serverTypes ?? DEFAULT;
}

/** For a server that found nothing to show: throws where that is for its type (RFC 7250 §4.2). */
export function requireTypeToShow({ identities }: Security, client: OfferedTypes): void {
  const types = typesToShow(client);
  if (identities.length > 0 && !identities.some(({ type }) => types.includes(type)))
    throw violation(
      'unsupported_certificate',
      'the client accepts none of our certificate types. Compare certificateTypes here with peerCertificateTypes there',
    );
}

/** What the client is to show when it is asked; throws where it offers nothing that we take (RFC 7250 §4.2). */
export function typeToAsk(
  { requestCert, peerCertificateTypes }: Security,
  { clientTypes }: OfferedTypes,
): CertificateTypeName {
  if (!requestCert || clientTypes === undefined) return 'X509';
  const type = peerCertificateTypes.find((name) => clientTypes.includes(name));
  if (type === undefined)
    throw violation(
      'unsupported_certificate',
      'the client offers no certificate type that is accepted here. Compare peerCertificateTypes here with certificateTypes there',
    );
  return type;
}

/** The server's answers to what the client said; of its own type it hears where it will be asked. */
export function encodeCertificateTypes(
  { requestCert }: Security,
  client: OfferedTypes,
  types: CertificateTypes,
): Map<number, Uint8Array> {
  const extensions = new Map<number, Uint8Array>();
  const set = (type: number, name: CertificateTypeName) =>
    extensions.set(type, encodeCertificateTypeResponse(CertificateType[name]));
  if (requestCert && client.clientTypes !== undefined)
    set(ExtensionType.client_certificate_type, types.client);
  if (client.serverTypes !== undefined) set(ExtensionType.server_certificate_type, types.server);
  return extensions;
}

function ownTypes({ identities }: Security): readonly CertificateTypeName[] {
  return [...new Set(identities.map(({ type }) => type))];
}

/**
 * The types a client offers in client_certificate_type or server_certificate_type, one byte each, in order of
 * preference (RFC 7250 §3); `undefined` when malformed.
 */
export function decodeCertificateTypeRequest(body: Uint8Array): Uint8Array | undefined {
  const r = new Reader(body);
  const types = r.vec8(1);
  return r.finished() ? types : undefined;
}

export function encodeCertificateTypeRequest(types: Uint8Array): Uint8Array {
  return new Writer().vec8(types).finish();
}

/** The type a server chose; `undefined` unless it is exactly one byte. */
export function decodeCertificateTypeResponse(body: Uint8Array): number | undefined {
  return body.length === 1 ? body[0] : undefined;
}

export function encodeCertificateTypeResponse(type: number): Uint8Array {
  return Uint8Array.of(type);
}
