import { type DerReader, type Oid, Tag } from './der.js';

/** Told of each extension of a list; it may leave the value unread. */
export type OnExtension = (id: Oid, critical: boolean, value: DerReader) => void;

/** Reads an Extensions list, header included, where one that occurs twice does no harm (RFC 5280 §4.1.2.9). */
export function readExtensionList(reader: DerReader, use: OnExtension): void {
  reader.inside(Tag.sequence, (list) =>
    list.each(() =>
      list.inside(Tag.sequence, (extension) => {
        const id = extension.oid();
        const critical = extension.tag === Tag.boolean && extension.boolean();
        extension.inside(Tag.octetString, (value) => {
          use(id, critical, value);
          value.each(() => value.element());
        });
      }),
    ),
  );
}
