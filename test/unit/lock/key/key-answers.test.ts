import { expect, test } from 'vitest'
import { InvariantError } from '../../../../src/base/assert.js'
import { isGranted, SAID, type Answer, type OperationKind } from '../../../../src/dialect/lock-operation.js'
import {
  consequenceOf,
  CONSEQUENCES,
  type Consequence,
  type Target,
} from '../../../../src/lock/key/key-answers.js'
import { KEY_MACHINE, KEY_MOVES, type KeyState } from '../../../../src/lock/key/key-state.js'

/** The state of the entry while each operation is under way. */
const ASKED_IN: Readonly<Record<OperationKind, KeyState>> = {
  try: 'trying',
  enqueue: 'queued',
  wait: 'polling',
  queue: 'polling',
  retry: 'polling',
  poll: 'polling',
  join: 'joining',
  rejoin: 'joining',
  upgrade: 'converting',
  downgrade: 'converting',
  setIntent: 'registeringIntent',
  clearIntent: 'registeringIntent',
  leave: 'leaving',
  release: 'releasing',
  releaseEarly: 'releasing',
  yield: 'yielding',
}

const KINDS = Object.keys(ASKED_IN) as OperationKind[]
const ANSWERS = Object.values(SAID) as Answer[]

/** The possible answers to each operation, as the comments of `SAID` define them. */
const ANSWERED: Readonly<Record<OperationKind, string>> = {
  try: 'gn',
  enqueue: 'gfnx',
  wait: 'gwc',
  queue: 'wc',
  retry: 'gnc',
  poll: 'gnc',
  join: 'gn',
  rejoin: 'gn',
  upgrade: 'gn',
  downgrade: 'gn',
  setIntent: 'dr',
  clearIntent: 'dr',
  leave: 'dr',
  release: 'ndr',
  releaseEarly: 'ndr',
  yield: 'gndwc',
}

function* allRows(): Generator<{ kind: OperationKind; answer: Answer; doubts: boolean; row: Consequence }> {
  for (const kind of KINDS)
    for (const answer of ANSWERED[kind])
      for (const doubts of [false, true])
        yield { kind, answer, doubts, row: consequenceOf(kind, answer, doubts) }
}

/** The states that a target can mean. */
function statesOf(to: Target): KeyState[] {
  if (to === 'ours') return ['held', 'delayed']
  return to === 'asBefore' ? ['held', 'idle'] : [to]
}

test('each question has the answers that the contract gives it, and no others', () => {
  for (const kind of KINDS)
    for (const answer of [...ANSWERS, '', 'x'])
      for (const doubts of [false, true]) {
        const ask = (): Consequence => consequenceOf(kind, answer, doubts)
        if (answer !== '' && ANSWERED[kind].includes(answer)) expect(ask()).toBeDefined()
        else expect(ask, `${kind} ${answer}`).toThrow(InvariantError)
      }
})

test('every answer leads along a move that is legal', () => {
  for (const { kind, answer, row } of allRows()) {
    // `ours` means `held` or `delayed`. After some operations only `held` is a legal move.
    const legal = KEY_MOVES[ASKED_IN[kind]]
    if (row.to === 'ours' && kind !== 'try' && kind !== 'wait') expect(legal).toContain('held')
    else for (const state of statesOf(row.to)) expect(legal, `${kind} ${answer}`).toContain(state)
  }
})

test('only granted locks are held', () => {
  for (const { answer, row } of allRows()) expect(row.to === 'ours').toBe(isGranted(answer))
})

test('a release is confirmed or found missing exactly once, and nothing else is', () => {
  for (const { kind, answer, row } of allRows()) {
    const isRelease = ASKED_IN[kind] === 'releasing' || (kind === 'yield' && answer !== SAID.granted)
    const ends = row.react.filter((each) => each === 'releaseConfirmed' || each === 'notHeld')
    expect(ends.length, `${kind} ${answer}`).toBe(isRelease ? 1 : 0)
    if (isRelease) expect(ends[0] === 'notHeld').toBe(answer === SAID.no)
  }
})

test('every wait for a wake-up has a time for a poll', () => {
  for (const { kind, answer, row } of allRows()) {
    const sleeps = ['wait', 'waitCrowded', 'yield'].filter((each) => row.react.includes(each as never))
    const isToSleep = row.to === 'waiting' || row.to === 'held'
    expect(sleeps.length, `${kind} ${answer}`).toBe(isToSleep ? 1 : 0)
    expect(sleeps.includes('waitCrowded')).toBe(
      answer === SAID.crowded && kind !== 'queue' && kind !== 'yield',
    )
  }
})

test('others that want the key are woken, once, unless they are doubted', () => {
  for (const { kind, answer, doubts, row } of allRows()) {
    const isRelease = ASKED_IN[kind] === 'releasing' || kind === 'yield'
    const isWanted =
      answer === SAID.doneAndWanted ||
      (kind === 'yield' && (answer === SAID.waiting || answer === SAID.crowded))
    const rings = row.react.filter((each) => each === 'notify' || each === 'notifyUnlessSent')
    expect(rings.length, `${kind} ${answer}`).toBe(isWanted && !(doubts && isRelease) ? 1 : 0)
  }
})

test('a caller that cannot wait gets the result of every failed attempt', () => {
  for (const { kind, answer, row } of allRows()) {
    const isAttempt = ['try', 'wait', 'queue', 'retry', 'poll', 'join', 'rejoin', 'upgrade'].includes(kind)
    expect(row.react.includes('refuse'), `${kind} ${answer}`).toBe(isAttempt && !isGranted(answer))
  }
})

test('a race is lost only after a wake-up, and a release sees listening processes', () => {
  for (const { kind, row } of allRows()) {
    if (row.learn.includes('raceLost')) expect(kind).toBe('retry')
    const isFirst = kind === 'try' || kind === 'enqueue' || kind === 'upgrade'
    expect(row.learn.includes('contended')).toBe(isFirst && row.to !== 'ours')
    if (row.learn.includes('othersListen')) expect(['release', 'releaseEarly', 'yield']).toContain(kind)
  }
  expect(CONSEQUENCES.retry[SAID.no]!.learn).toEqual(['othersCame', 'hot', 'raceLost'])
  expect(CONSEQUENCES.poll[SAID.no]!.learn).toEqual(['othersCame', 'pollLost'])
})

test('a state that is not reached by a move, or lacks its session, is refused', () => {
  const who = { toString: () => 'lock "orders"' }
  const [idle, held, trying] = [KEY_MACHINE.of('idle'), KEY_MACHINE.of('held'), KEY_MACHINE.of('trying')]
  expect(() => KEY_MACHINE.assertMove(idle, held, true, who)).toThrow('lock "orders": idle -> held')
  expect(() => KEY_MACHINE.assertMove(idle, trying, false, who)).toThrow('trying without a session')
  expect(() => KEY_MACHINE.assertMove(held, idle, false, who)).not.toThrow()
  expect(() => KEY_MACHINE.assertMove(idle, trying, true, who)).not.toThrow()
})
