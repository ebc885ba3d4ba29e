import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The TypeScript files at these places, which are files or folders, separated by commas. */
export function filesAt(places, isWanted = () => true) {
  const paths = places
    .split(',')
    .flatMap((place) =>
      statSync(place).isFile()
        ? [place]
        : readdirSync(place, { recursive: true }).map((name) => join(place, name)),
    )
    .filter((path) => path.endsWith('.ts') && isWanted(path))
  return [...new Set(paths)]
}

/** Identifies a change, also across runs. */
export function placeOf({ path, line, column, end, kind, replacement }) {
  return [path, line, column, end, kind, replacement].join(':')
}
