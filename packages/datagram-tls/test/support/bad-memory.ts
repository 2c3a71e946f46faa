/** Arrays that native code has to refuse. */

export function detached(length: number): Uint8Array {
  const array = new Uint8Array(length);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

export function shared(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}

type Resizable = ArrayBuffer & { resize(length: number): void };

/** Its buffer has shrunk below it: it is out of bounds now. */
export function shrunk(length: number): Uint8Array {
  const Buffer = ArrayBuffer as unknown as new (length: number, options: object) => Resizable;
  const buffer = new Buffer(length, { maxByteLength: length * 2 });
  const array = new Uint8Array(buffer, 0, length);
  buffer.resize(1);
  return array;
}
