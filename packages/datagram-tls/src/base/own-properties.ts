/**
 * The own properties of `object`, without a prototype: properties of a polluted `Object.prototype` are not included.
 * Getters are called once.
 */
export function ownProperties<T extends object>(object: T): T {
  return Object.assign(Object.create(null) as T, object);
}

/** As a property of `object` or of its class, but not of the root of its prototypes. */
export function memberOf(object: object, name: string): unknown {
  for (let at = object; ; ) {
    const above = Object.getPrototypeOf(at) as object | null;
    if (Object.hasOwn(at, name) && (above !== null || at === object)) return Reflect.get(object, name);
    if (above === null) return undefined;
    at = above;
  }
}
