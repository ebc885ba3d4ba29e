type Constructor<T> = abstract new (...given: never[]) => T

/**
 * A class that constructs as `Class` does, and whose instances are also those of `Ancestor`: what asks for
 * `instanceof Ancestor` is told yes, and what they have from both is as in `Class`. The constructor of `Ancestor` is not
 * called. An object has one line of ancestors only, so the members of `Class` are copied to where that of `Ancestor` begins.
 * They must not need to be found by `instanceof Class`.
 */
export function graft<C extends Constructor<object>>(Class: C, Ancestor: Constructor<object>): C {
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
