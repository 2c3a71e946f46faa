import { type DerReader, type Oid, Tag } from './der.js';

/** Told of each extension of a list. `value` is the content of its OCTET STRING, which need not be DER where nobody reads it. */
export type OnExtension = (id: Oid, critical: boolean, value: Uint8Array) => void;

/** Reads an Extensions list, header included, where one that occurs twice does no harm (RFC 5280 §4.1.2.9). */
export function readExtensionList(reader: DerReader, use: OnExtension): void {
  reader.inside(Tag.sequence, (list) =>
    list.each(() =>
      list.inside(Tag.sequence, (extension) => {
        const id = extension.oid();
        const critical = extension.tag === Tag.boolean && extension.boolean();
        use(id, critical, extension.content(Tag.octetString));
      }),
    ),
  );
}
