/** Characters in total, and in one label (RFC 1035 §2.3.4). */
const MAX_NAME = 253;
/** Letters, digits and hyphens, and inside a label the underscore, which is in use. */
const LABEL = /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/;
/** What address parsers take as a number: `127.1` and `0x7f.1` are addresses. */
const NUMBER = /^(?:\d+|0x[0-9a-f]*)$/;

/**
 * A host name in ASCII in the form that is compared: in lower case, without the dot of an absolute name (RFC 1034
 * §3.1). `undefined` for everything else, IP addresses included.
 */
export function hostName(text: string): string | undefined {
  const name = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace(/\.$/, '');
  if (name.length > MAX_NAME) return undefined;
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  return NUMBER.test(labels[labels.length - 1] ?? '') ? undefined : name;
}
