import { expect, test } from 'vitest'
import { Agenda, type AgendaItem } from '../../../../src/lock/agenda/agenda.js'
import { OrderlyEmitter } from '../../../../src/lock/agenda/orderly-emitter.js'

/** An agenda item that logs each of its steps. */
function itemOf(log: string[], name: string, steps: () => void = () => undefined): AgendaItem {
  return {
    nextItem: null,
    advance: () => {
      log.push(name)
      steps()
    },
  }
}

test('the objects that an event touches take their steps once, after the event, in the order of the touches', () => {
  const agenda = new Agenda()
  const log: string[] = []
  const [a, b] = [itemOf(log, 'a'), itemOf(log, 'b')]
  agenda.run(() => {
    agenda.touch(b)
    agenda.touch(a)
    agenda.touch(b)
    log.push('facts')
  })
  expect(log).toEqual(['facts', 'b', 'a'])
  agenda.touch(a)
  expect(log).toEqual(['facts', 'b', 'a', 'a'])
})

test('a touch during a walk, even of the current object, is processed after it, never inside it', () => {
  const agenda = new Agenda()
  const log: string[] = []
  let again = true
  const other = itemOf(log, 'other')
  const first = itemOf(log, 'first', () => {
    agenda.touch(other)
    if (again) agenda.touch(first)
    again = false
    log.push('end of first')
  })
  agenda.touch(first)
  expect(log).toEqual(['first', 'end of first', 'other', 'first', 'end of first', 'other'])
})

test('user code runs after every walk, and its effects are a separate event', () => {
  const agenda = new Agenda()
  const log: string[] = []
  const late = itemOf(log, 'late')
  const first = itemOf(log, 'first', () =>
    agenda.defer(() => {
      log.push('told')
      agenda.touch(late)
      log.push('touched')
    }),
  )
  agenda.run(() => {
    agenda.defer(() => log.push('told before'))
    agenda.touch(first)
    agenda.touch(itemOf(log, 'second'))
  })
  expect(log).toEqual(['first', 'second', 'told before', 'told', 'late', 'touched'])
})

test('an event during an event comes after it', () => {
  const agenda = new Agenda()
  const log: string[] = []
  agenda.defer(() => {
    agenda.defer(() => log.push('inner'))
    log.push('outer')
  })
  expect(log).toEqual(['outer', 'inner'])
})

test('a nested part of an event is no separate event', () => {
  const agenda = new Agenda()
  const log: string[] = []
  agenda.run(() => {
    agenda.run(() => agenda.touch(itemOf(log, 'inner')))
    log.push('outer')
  })
  expect(log).toEqual(['outer', 'inner'])
})

test('an error in one walk or one effect does not affect the others', () => {
  const agenda = new Agenda()
  const log: string[] = []
  const bad = itemOf(log, 'bad', () => {
    throw new Error('walk')
  })
  expect(() =>
    agenda.run(() => {
      agenda.touch(bad)
      agenda.touch(itemOf(log, 'good'))
    }),
  ).toThrow('walk')
  agenda.touch(itemOf(log, 'next'))
  expect(log).toEqual(['bad', 'good', 'next'])

  expect(() =>
    agenda.run(() => {
      agenda.defer(() => {
        throw new Error('effect')
      })
      agenda.defer(() => log.push('second effect'))
    }),
  ).toThrow('effect')
  agenda.defer(() => log.push('third'))
  expect(log.slice(3)).toEqual(['second effect', 'third'])
})

test('listeners of a pool get an event when it has run to completion', () => {
  const agenda = new Agenda()
  const emitter = new OrderlyEmitter<{ done: number }>(agenda)
  const heard: unknown[] = []
  agenda.run(() => {
    emitter.emit('done', 1)
    heard.push('facts')
  })
  emitter.on('done', (which) => heard.push(which))
  agenda.run(() => {
    emitter.emit('done', 2)
    heard.push('more facts')
  })
  expect(heard).toEqual(['facts', 'more facts', 2])
})
