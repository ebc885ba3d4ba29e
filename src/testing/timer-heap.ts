/** Something that is due at a time. Items due at the same time keep their order. */
export interface Due {
  readonly at: number
  readonly order: number
  /** Its index in the heap, so that it can be removed; -1 if it is not in the heap. */
  place: number
}

/** A binary heap of items by due time. Items know their index. */
export class TimerHeap<T extends Due> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  get first(): T | undefined {
    return this.#members[0]
  }

  add(member: T): void {
    this.#members.push(member)
    this.#rise(member, this.#members.length - 1)
  }

  /** An item that is not in the heap is ignored. */
  remove(member: T): void {
    const { place } = member
    if (place < 0) return
    member.place = -1
    const last = this.#members.pop()!
    if (last === member) return
    this.#rise(last, place)
    this.#sink(last, last.place)
  }

  #rise(member: T, from: number): void {
    let place = from
    while (place > 0) {
      const parent = this.#members[(place - 1) >> 1]!
      if (!isBefore(member, parent)) break
      this.#put(parent, place)
      place = (place - 1) >> 1
    }
    this.#put(member, place)
  }

  #sink(member: T, from: number): void {
    let place = from
    for (;;) {
      const child = this.#earlierChild(place)
      if (child === undefined || !isBefore(child, member)) break
      const { place: below } = child
      this.#put(child, place)
      place = below
    }
    this.#put(member, place)
  }

  #earlierChild(place: number): T | undefined {
    const left = this.#members[2 * place + 1]
    const right = this.#members[2 * place + 2]
    return left !== undefined && right !== undefined && isBefore(right, left) ? right : left
  }

  #put(member: T, place: number): void {
    this.#members[place] = member
    member.place = place
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
