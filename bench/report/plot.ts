import * as Plot from '@observablehq/plot'
import { JSDOM } from 'jsdom'
import type { Point } from './measures/point.js'

export interface Picture {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly points: readonly Point[]
  /** Whether more is better. The picture says so. */
  readonly isHighGood: boolean
}

const WIDTH = 760
const HEIGHT = 420

/** Legible on light and dark pages. lockpool has the first color and a thicker line. */
const COLOURS = ['#e8590c', '#4c78a8', '#72b7b2', '#8a6fb0', '#9d755d', '#54a24b', '#b279a2']

/** Follows the color scheme of the reader. */
const STYLE = `
  svg { color: #24292f; background: transparent; font: 12px system-ui, sans-serif }
  @media (prefers-color-scheme: dark) { svg { color: #d0d7de } }
`

/** Draws a line per entrant over two logarithmic axes, with its name at the end. Returns the text of an SVG file. */
export function draw({ title, x, y, points, isHighGood }: Picture, entrants: readonly string[]): string {
  const { document } = new JSDOM('').window
  const ends = entrants.flatMap((name) => points.findLast(({ entrant }) => entrant === name) ?? [])
  const figure = Plot.plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 64,
    marginRight: 150,
    marginTop: 64,
    marginBottom: 44,
    x: { type: 'log', label: x, tickFormat: ',d', ticks: [...new Set(points.map((point) => point.x))] },
    y: {
      type: 'log',
      // A separate text below the title: the label of the axis would overlap the title.
      label: null,
      grid: true,
      tickFormat: short,
      nice: true,
    },
    color: { domain: [...entrants], range: COLOURS.slice(0, entrants.length) },
    marks: [
      Plot.line(points, {
        x: 'x',
        y: 'y',
        z: 'entrant',
        stroke: 'entrant',
        strokeWidth: (point: Point) => (point.entrant === entrants[0] ? 3.5 : 1.75),
      }),
      Plot.dot(points, { x: 'x', y: 'y', fill: 'entrant', r: 3 }),
      Plot.text(spreadOut(ends, points), {
        x: 'x',
        y: 'labelY',
        text: 'entrant',
        fill: 'entrant',
        textAnchor: 'start',
        dx: 10,
      }),
      Plot.text([title], { frameAnchor: 'top-left', dx: -56, dy: -58, fontSize: 15, fontWeight: 'bold' }),
      Plot.text([`${y}, ${isHighGood ? 'more' : 'less'} is better`], {
        frameAnchor: 'top-left',
        dx: -56,
        dy: -34,
      }),
    ],
  })
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  const style = document.createElementNS('http://www.w3.org/2000/svg', 'style')
  style.textContent = STYLE
  figure.prepend(style)
  return `${figure.outerHTML}\n`
}

/** Formats as 0.2, 50, 2k or 1M. */
function short(value: number): string {
  return SHORT.format(value).toLowerCase().replace('m', 'M')
}

const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** Moves names apart that end near each other, on the logarithmic axis of all points. */
function spreadOut(ends: readonly Point[], points: readonly Point[]): (Point & { labelY: number })[] {
  const low = Math.log(Math.min(...points.map(({ y }) => y)))
  const high = Math.log(Math.max(...points.map(({ y }) => y)))
  const apart = Math.max((high - low) / 17, 0.02)
  let last = -Infinity
  return ends
    .toSorted((a, b) => a.y - b.y)
    .map((point) => {
      last = Math.max(Math.log(point.y), last + apart)
      return { ...point, labelY: Math.exp(last) }
    })
}
