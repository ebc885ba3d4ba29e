/** Finds import cycles: files that import themselves indirectly. */
export function cyclesIn(importsOf: ReadonlyMap<string, readonly string[]>): string[][] {
  // Tarjan's strongly connected components.
  const found: string[][] = []
  const indexes = new Map<string, number>()
  const stack: string[] = []
  const visit = (file: string): number => {
    const index = indexes.size
    let low = index
    indexes.set(file, index)
    stack.push(file)
    for (const target of importsOf.get(file) ?? []) {
      if (!importsOf.has(target)) continue
      if (!indexes.has(target)) low = Math.min(low, visit(target))
      else if (stack.includes(target)) low = Math.min(low, indexes.get(target)!)
    }
    if (low === index) {
      const cycle = stack.splice(stack.indexOf(file))
      if (cycle.length > 1) found.push(cycle.toSorted())
    }
    return low
  }
  for (const file of importsOf.keys()) if (!indexes.has(file)) visit(file)
  return found.toSorted((one, other) => (one[0]! < other[0]! ? -1 : 1))
}
