/**
 * What a binary exports, and what it takes from which libraries: for those that nothing here can load. Formats of a 64-bit
 * Linux, macOS and Windows, and of a 32-bit Linux; little-endian.
 */
import { readFileSync } from 'node:fs';

/** How Node finds the module and its version of Node-API. */
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
/** Of the linker of macOS. */
const OF_LINKER = ['_mh_dylib_header', '__dso_handle'];
/** The system's own, by platform: the loader, the C library and what belongs to it; on Windows also the program. */
const LIBRARIES = {
  linux: /^(?:libc\.so(?:\.6)?|libdl\.so\.2|libpthread\.so\.0|ld-linux[\w.-]*\.so\.\d)$/,
  darwin: /^\/usr\/lib\/libSystem\.B\.dylib$/,
  win32: /^(?:KERNEL32|ucrtbase)\.dll$|^node\.exe$/i,
};
/** Functions of OpenSSL are looked up at run time: a name among the imports would bind the binary to one library. */
const OPENSSL =
  /^_?(?:ASN1|BIO|BN|CRYPTO|EC|ECDSA|ED25519|ERR|EVP|HMAC|OPENSSL|OSSL|PKCS|RAND|RSA|SHA|SSL|X509|d2i|i2d)_/;

/** What is wrong with a binary of packages/native, or `undefined`. */
export function faultOf(path, { os }) {
  const { exports, imports, libraries } = contentsOf(readFileSync(path));
  const missing = EXPORTS.filter((name) => !exports.includes(name));
  const others = exports.filter((name) => ![...EXPORTS, ...OF_LINKER].includes(name));
  const foreign = libraries.filter((name) => !LIBRARIES[os].test(name));
  const openssl = imports.filter((name) => OPENSSL.test(name));
  const napi = imports.filter((name) => /^(?:napi|node_api)_/.test(name));
  const faults = [
    missing.length > 0 && `it does not export ${missing.join(', ')}`,
    others.length > 0 && `it exports ${others.join(', ')}`,
    foreign.length > 0 && `it needs ${foreign.join(', ')}`,
    openssl.length > 0 && `it is linked to ${openssl.join(', ')}`,
    napi.length === 0 && 'it takes nothing from Node-API',
  ];
  return faults.filter(Boolean).join('; ') || undefined;
}

/** `{ exports, imports, libraries }` by name; the underscore of macOS before each name is left out. */
function contentsOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const file = {
    u8: (at) => view.getUint8(at),
    u16: (at) => view.getUint16(at, true),
    u32: (at) => view.getUint32(at, true),
    u64: (at) => Number(view.getBigUint64(at, true)),
    text: (at) => bytes.toString('latin1', at, bytes.indexOf(0, at)),
  };
  if (file.u32(0) === 0x464c_457f) return elf(file);
  if (file.u32(0) === 0xfeed_facf) return machO(file);
  if (file.u16(0) === 0x5a4d) return portableExecutable(file);
  throw new Error('the format of the binary is unknown');
}

function elf({ u8, u16, u32, u64, text }) {
  const is64 = u8(4) === 2;
  const word = is64 ? u64 : u32;
  const [headersAt, headerLength, count] = is64
    ? [u64(0x28), u16(0x3a), u16(0x3c)]
    : [u32(0x20), u16(0x2e), u16(0x30)];
  const sections = Array.from({ length: count }, (_, i) => {
    const at = headersAt + i * headerLength;
    return is64
      ? { type: u32(at + 4), offset: u64(at + 24), length: u64(at + 32), link: u32(at + 40) }
      : { type: u32(at + 4), offset: u32(at + 16), length: u32(at + 20), link: u32(at + 24) };
  });
  const found = { exports: [], imports: [], libraries: [] };
  for (const { type, offset, length, link } of sections) {
    const names = sections[link]?.offset;
    if (type === 11)
      for (let at = offset; at < offset + length; at += is64 ? 24 : 16) {
        const [info, section] = is64 ? [u8(at + 4), u16(at + 6)] : [u8(at + 12), u16(at + 14)];
        const name = text(names + u32(at));
        if (name !== '' && info >> 4 !== 0) found[section === 0 ? 'imports' : 'exports'].push(name);
      }
    if (type === 6)
      for (let at = offset; at < offset + length; at += is64 ? 16 : 8)
        if (word(at) === 1) found.libraries.push(text(names + word(at + (is64 ? 8 : 4))));
  }
  return found;
}

function machO({ u8, u32, text }) {
  const found = { exports: [], imports: [], libraries: [] };
  for (let i = 0, at = 32; i < u32(16); i++, at += u32(at + 4)) {
    const command = u32(at) & 0x7fff_ffff;
    // To load a library, also if it may be absent, or if its names are passed on.
    if ([0x0c, 0x18, 0x1f].includes(command)) found.libraries.push(text(at + u32(at + 8)));
    if (command !== 2) continue;
    const [symbols, count, names] = [u32(at + 8), u32(at + 12), u32(at + 16)];
    for (let symbol = symbols; symbol < symbols + count * 16; symbol += 16) {
      const type = u8(symbol + 4);
      const isExternal = (type & 0xe0) === 0 && (type & 1) !== 0 && (type & 0x10) === 0;
      const name = text(names + u32(symbol)).replace(/^_/, '');
      if (isExternal) found[(type & 0x0e) === 0 ? 'imports' : 'exports'].push(name);
    }
  }
  return found;
}

function portableExecutable({ u16, u32, text }) {
  const header = u32(0x3c);
  const optional = header + 24;
  const sectionsAt = optional + u16(header + 20);
  const sections = Array.from({ length: u16(header + 6) }, (_, i) => sectionsAt + i * 40);
  /** Where the file has what stands at an address of the loaded program. */
  const place = (address) => {
    const section = sections.find((at) => address >= u32(at + 12) && address < u32(at + 12) + u32(at + 16));
    if (section === undefined) throw new Error(`nothing stands at ${address}`);
    return address - u32(section + 12) + u32(section + 20);
  };
  const found = { exports: [], imports: [], libraries: [] };
  const [exported, imported] = [u32(optional + 112), u32(optional + 120)];
  if (exported !== 0) {
    const [count, names] = [u32(place(exported) + 24), u32(place(exported) + 32)];
    for (let i = 0; i < count; i++) found.exports.push(text(place(u32(place(names) + i * 4))));
  }
  if (imported !== 0)
    for (let at = place(imported); u32(at + 12) !== 0; at += 20) {
      found.libraries.push(text(place(u32(at + 12))));
      for (let entry = place(u32(at) || u32(at + 16)); u32(entry) !== 0; entry += 8)
        if (u32(entry + 4) >>> 31 === 0) found.imports.push(text(place(u32(entry)) + 2));
    }
  return found;
}
