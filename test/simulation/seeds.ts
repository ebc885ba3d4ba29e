/**
 * The seeds to run: `count` of them, unless the environment says otherwise. SEED=7 runs only that seed. SEEDS=1000 sets the
 * number of seeds, and FROM=5001 the first one.
 */
export function seeds(count: number): number[] {
  const { SEED, SEEDS, FROM } = process.env
  if (SEED !== undefined) return [Number(SEED)]
  const first = FROM === undefined ? 1 : Number(FROM)
  return Array.from({ length: SEEDS === undefined ? count : Number(SEEDS) }, (_, i) => first + i)
}

/** Runs one world per seed. The error of a failed run names its seed. */
export async function runSeeds<World extends { run(): Promise<void> }>(
  count: number,
  make: (seed: number) => World,
  use: (world: World) => void,
): Promise<void> {
  for (const seed of seeds(count)) {
    const world = make(seed)
    try {
      await world.run()
      use(world)
    } catch (error) {
      throw new Error(`SEED=${seed} (run that seed alone with it): ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
}
