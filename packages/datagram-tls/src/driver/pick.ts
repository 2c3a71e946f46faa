/** The named properties of `from` that are not undefined. */
export function pick<T extends object, K extends keyof T>(from: T, names: readonly K[]): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {};
  for (const name of names)
    if (Object.hasOwn(from, name) && from[name] !== undefined) picked[name] = from[name];
  return picked;
}
