import { expect, test } from 'vitest'
import { InvariantError } from '../../../../src/base/assert.js'
import type { PermitReply } from '../../../../src/dialect/permit-operation.js'
import {
  consequenceOfReply,
  type PermitConsequence,
  type AskingState,
} from '../../../../src/lock/semaphore/permit-answers.js'
import { SEMAPHORE_MOVES, type SemaphoreState } from '../../../../src/lock/semaphore/semaphore-state.js'

type Said = PermitReply['said']

const SAID: readonly Said[] = ['done', 'free', 'waiting', 'crowded', 'wanted', 'awaited']

/** The possible answers in each state, as the comments of `PermitReply` define them. */
const ANSWERED: Readonly<Record<AskingState, readonly Said[]>> = {
  taking: ['done'],
  queued: ['done', 'free'],
  polling: ['done', 'waiting', 'crowded'],
  releasing: ['done', 'wanted', 'awaited'],
  yielding: ['done', 'wanted', 'awaited'],
  leaving: ['done'],
}

function* allRows(): Generator<{ state: AskingState; said: Said; doubts: boolean; row: PermitConsequence }> {
  for (const state of Object.keys(ANSWERED) as AskingState[])
    for (const said of ANSWERED[state])
      for (const doubts of [false, true])
        yield { state, said, doubts, row: consequenceOfReply(state, said, doubts) }
}

test('each state has the replies that the contract gives it, and no others', () => {
  for (const state of Object.keys(SEMAPHORE_MOVES) as SemaphoreState[])
    for (const said of SAID)
      for (const doubts of [false, true]) {
        const ask = (): PermitConsequence => consequenceOfReply(state, said, doubts)
        const known = (ANSWERED as Partial<Record<SemaphoreState, readonly Said[]>>)[state]
        if (known?.includes(said) === true) expect(ask()).toBeDefined()
        else expect(ask, `${state} ${said}`).toThrow(InvariantError)
      }
})

test('every reply leads along a move that is legal', () => {
  for (const { state, row } of allRows()) expect(SEMAPHORE_MOVES[state]).toContain(row.to)
})

test('a kept registration has a time for its next check, or other waiters to wait for', () => {
  for (const { row } of allRows()) {
    const wakes = row.react.filter((each) => ['wait', 'waitCrowded', 'yield', 'lookAgain'].includes(each))
    if (row.to === 'waiting') expect(wakes).toHaveLength(1)
  }
})

test('a released lock is gone, once, whichever process wants it', () => {
  for (const { state, said, doubts, row } of allRows()) {
    const isRelease = state === 'releasing' || state === 'yielding'
    expect(row.react.filter((each) => each === 'releaseConfirmed')).toHaveLength(isRelease ? 1 : 0)
    expect(row.react.includes('notify')).toBe(said === 'wanted' && !doubts)
    expect(row.react.includes('yield')).toBe((said === 'wanted' || said === 'awaited') && !doubts)
    expect(row.react.includes('confirmPrecedence')).toBe(isRelease && said === 'done')
    expect(row.react.includes('serverQueueGoesFirst')).toBe(said === 'awaited' && !doubts)
  }
})
