import { Emitter } from '../../base/emitter.js'
import type { Agenda } from './agenda.js'

/** An emitter that calls its listeners at the end of the event. */
export class OrderlyEmitter<E extends { [Name in keyof E]: unknown }> extends Emitter<E> {
  readonly #agenda: Agenda

  constructor(agenda: Agenda) {
    super()
    this.#agenda = agenda
  }

  override emit<Name extends keyof E>(name: Name, event: E[Name]): void {
    if (this.hasListener(name)) this.#agenda.defer(() => super.emit(name, event))
  }
}
