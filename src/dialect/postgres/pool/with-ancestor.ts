type Constructor<T> = abstract new (...given: never[]) => T

/**
 * Returns a class that constructs like `Class`, and whose instances also pass `instanceof Ancestor`. Members that both
 * have come from `Class`. The constructor of `Ancestor` is not called. A prototype chain has no branches, so the
 * members of `Class` are copied onto a chain that ends in the prototype of `Ancestor`. Therefore `instanceof Class` is
 * false for the instances.
 */
export function withAncestor<C extends Constructor<object>>(Class: C, Ancestor: Constructor<object>): C {
  const lines: object[] = []
  for (let each = Class.prototype as object; each !== Object.prototype; each = Object.getPrototypeOf(each))
    lines.unshift(each)
  let line = Ancestor.prototype as object
  for (const each of lines) line = Object.create(line, Object.getOwnPropertyDescriptors(each)) as object
  // oxlint-disable-next-line no-extraneous-class
  abstract class Grafted extends (Class as Constructor<object> as new () => object) {}
  Object.setPrototypeOf(Grafted.prototype, line)
  return Grafted as unknown as C
}
