import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Front } from '../../serve/front.js'
import type { ObservedPool } from '../../telemetry/observed.js'
import { PrometheusMetrics } from '../../telemetry/prometheus-metrics.js'

/** The name of the front's pool in the metrics. */
const POOL = 'serve'

/** Answers `GET /metrics` for Prometheus, with the metrics of the pool and of the clients of the front. */
export class MetricsServer {
  readonly #metrics = new PrometheusMetrics()
  readonly #front: Front
  readonly #server: Server

  constructor(front: Front, locks: ObservedPool) {
    this.#front = front
    this.#metrics.watch(locks, POOL)
    this.#server = createServer((request, response) => {
      if (request.method !== 'GET' || request.url !== '/metrics') return void response.writeHead(404).end()
      response.setHeader('content-type', this.#metrics.contentType)
      response.end(this.text())
    })
  }

  text(): string {
    return `${this.#metrics.text()}\n${frontMetrics(this.#front)}`
  }

  /** Starts to listen and returns the port. */
  listen({ host, port }: { readonly host: string; readonly port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => resolve((this.#server.address() as AddressInfo).port))
    })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

function frontMetrics(front: Front): string {
  const { clients, refused } = front
  const busy = [...front.sessions].filter(({ isBusy }) => isBusy).length
  return [
    ...metric('lockpool_serve_clients', 'gauge', 'Clients that are logged in.', clients),
    ...metric('lockpool_serve_clients_busy', 'gauge', 'Clients whose statement runs or waits.', busy),
    ...metric(
      'lockpool_serve_refused_total',
      'counter',
      'Connections that did not become a client.',
      refused,
    ),
    '',
  ].join('\n')
}

function metric(name: string, kind: string, help: string, value: number): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, `${name} ${value}`]
}
