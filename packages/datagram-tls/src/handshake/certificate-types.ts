import { violation } from '../base/errors.js';
import type { Security } from '../config/config.js';
import { ExtensionType } from '../wire/codes.js';
import type { Extensions } from '../wire/extensions/block.js';
import {
  CertificateType,
  type CertificateTypeName,
  certificateTypeName,
  decodeCertificateTypeResponse,
  encodeCertificateTypeRequest,
  encodeCertificateTypeResponse,
} from '../wire/extensions/certificate-type.js';
import type { ClientOffer } from './client-wishes.js';
import { decoded } from './message.js';

/** What each side shows of itself, if it shows anything: certificates, or a raw public key (RFC 7250). */
export interface CertificateTypes {
  readonly client: CertificateTypeName;
  readonly server: CertificateTypeName;
}

const DEFAULT: readonly CertificateTypeName[] = ['X509'];

/** The client's extensions for it; none where there is nothing to say but what holds without them (RFC 7250 §4.1). */
export function offerCertificateTypes(security: Security): Map<number, Uint8Array> {
  const extensions = new Map<number, Uint8Array>();
  const lists = [
    [ExtensionType.client_certificate_type, ownTypes(security)],
    [ExtensionType.server_certificate_type, security.peerCertificateTypes],
  ] as const;
  for (const [type, names] of lists) {
    if (names.every((name) => DEFAULT.includes(name))) continue;
    const codes = Uint8Array.from(names, (name) => CertificateType[name]);
    extensions.set(type, encodeCertificateTypeRequest(codes));
  }
  return extensions;
}

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
    throw violation('illegal_parameter', `the server's ${name} is none of ours`);
  return type;
}

/** What the server may show this client. */
export function typesToShow({ serverTypes }: ClientOffer): readonly CertificateTypeName[] {
  return serverTypes ?? DEFAULT;
}

/** For a server that found nothing to show: throws where that is for its type (RFC 7250 §4.2). */
export function requireTypeToShow({ identities }: Security, client: ClientOffer): void {
  const types = typesToShow(client);
  if (identities.length > 0 && !identities.some(({ type }) => types.includes(type)))
    throw violation('unsupported_certificate', 'the client takes nothing of the kind that we can show');
}

/** What the client is to show when it is asked; throws where it offers nothing that we take (RFC 7250 §4.2). */
export function typeToAsk(
  { requestCert, peerCertificateTypes }: Security,
  { clientTypes }: ClientOffer,
): CertificateTypeName {
  if (!requestCert || clientTypes === undefined) return 'X509';
  const type = peerCertificateTypes.find((name) => clientTypes.includes(name));
  if (type === undefined)
    throw violation('unsupported_certificate', 'the client can show nothing that is accepted here');
  return type;
}

/** The server's answers to what the client said; of its own type it hears where it will be asked. */
export function encodeCertificateTypes(
  { requestCert }: Security,
  client: ClientOffer,
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
