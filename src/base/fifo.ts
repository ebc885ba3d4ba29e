/**
 * An element of a queue. It can be in one queue at a time. The element itself has the links: a list node per waiter would
 * cost as much as the rest of its queueing.
 */
export interface Queueable {
  previous: Queueable | null
  next: Queueable | null
  queue: object | null
}

/** A queue, first in, first out, whose elements can leave from the middle at no cost: a doubly linked list. */
export class Fifo<T extends Queueable> {
  #first: Queueable | null = null
  #last: Queueable | null = null
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): T | null {
    return this.#first as T | null
  }

  add(item: T): void {
    item.previous = this.#last
    item.next = null
    item.queue = this
    if (this.#last === null) this.#first = item
    else this.#last.next = item
    this.#last = item
    this.#size++
  }

  addFirst(item: T): void {
    item.previous = null
    item.next = this.#first
    item.queue = this
    if (this.#first === null) this.#last = item
    else this.#first.previous = item
    this.#first = item
    this.#size++
  }

  /** False if it is not, or no longer, in this queue. */
  remove(item: T): boolean {
    if (item.queue !== this) return false
    if (item.previous === null) this.#first = item.next
    else item.previous.next = item.next
    if (item.next === null) this.#last = item.previous
    else item.next.previous = item.previous
    item.previous = item.next = item.queue = null
    this.#size--
    return true
  }

  /** From the front. During the iteration, only the current element may be removed. */
  *[Symbol.iterator](): IterableIterator<T> {
    let item = this.#first
    while (item !== null) {
      const { next }: Queueable = item
      yield item as T
      item = next
    }
  }
}
