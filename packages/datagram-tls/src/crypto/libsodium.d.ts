/** The package has no types of its own. */
declare module 'libsodium' {
  const libsodium: unknown;
  export default libsodium;
}
