/** The answer of a front to each question: its port, and the processor time that its process has used so far. */
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
  /** The processor time of the process that runs the clients. */
  readonly cpuMicroseconds: number
}
