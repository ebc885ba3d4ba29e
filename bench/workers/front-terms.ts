/** What a front answers whenever it is asked: where it listens, and what its process has used so far. */
export interface FrontAnswer {
  readonly port: number
  readonly cpuMicroseconds: number
}

export interface WirePairsQuestion {
  readonly seconds: number
}

export interface WirePairsAnswer {
  readonly pairsPerSecond: number
  readonly pairs: number
  /** Of the process of the clients. */
  readonly cpuMicroseconds: number
}
