import type { Dialect, NotificationHandlers, LockLink } from '../../src/dialect/dialect.js'
import type { ConnectionFactory } from '../../src/pool/connection-factory.js'
import type { FakeConnection } from '../../src/testing/fake-connection.js'
import type { FakeServer } from '../../src/testing/fake-server.js'
import type { Gate } from './gate.js'
import { DistTables } from './rows/dist-tables.js'
import { SimDistributedDialect } from './rows/distributed-dialect.js'
import { SimProcedureDialect } from './rows/procedure-dialect.js'
import { ProcedureServer } from './rows/procedure-server.js'
import { SimRowDialect, type RowPorts } from './rows/row-dialect.js'
import type { RowServer } from './rows/row-server.js'
import type { RowWorld } from './rows/row-world.js'

/** The server as one process sees it. Everything from the server comes through the gate. */
export interface ProcessPorts {
  readonly factory: ConnectionFactory<FakeConnection>
  readonly dialect: Dialect<FakeConnection>
  /** Connections that the process has opened and that have not ended. */
  readonly connections: ReadonlySet<FakeConnection>
}

/** What each process has for itself if locks are rows. */
export type OwnPorts = Pick<RowPorts, 'name' | 'clock' | 'random' | 'isNotified'>

export function portsThrough(gate: Gate, { factory, dialect }: FakeServer): ProcessPorts {
  return { ...factoryThrough(gate, factory), dialect: dialectThrough(gate, dialect) }
}

/** The ports of a process whose locks are rows. Everything from the server comes through the gate here too. */
export function rowPortsThrough(
  gate: Gate,
  { factory }: FakeServer,
  world: RowWorld,
  own: OwnPorts,
): ProcessPorts {
  const ports: RowPorts = {
    ...own,
    server: world.rows,
    send: (connection, work) => gate.answered(world.send(connection, work)),
    arrive: (act) => gate.arrive(act),
    hear: world.hear,
  }
  return { ...factoryThrough(gate, factory), dialect: dialectOf(ports, world.rows) }
}

function dialectOf(ports: RowPorts, server: RowServer): SimRowDialect {
  if (server instanceof ProcedureServer) return new SimProcedureDialect({ ...ports, server })
  if (server instanceof DistTables) return new SimDistributedDialect({ ...ports, server })
  return new SimRowDialect(ports)
}

function factoryThrough(
  gate: Gate,
  factory: FakeServer['factory'],
): Pick<ProcessPorts, 'factory' | 'connections'> {
  const connections = new Set<FakeConnection>()
  return {
    connections,
    factory: {
      open: (signal) =>
        gate.answered(
          factory.open(signal).then((connection) => {
            // The operating system closes the connection if the process has died meanwhile.
            if (gate.isDead) factory.destroy(connection)
            connections.add(connection)
            connection.onEnd(() => connections.delete(connection))
            return connection
          }),
        ),
      close: (connection) => gate.answered(factory.close(connection)),
      destroy: (connection) => factory.destroy(connection),
      check: (connection) => gate.answered(factory.check(connection)),
      onEnd: (connection, ended) => factory.onEnd(connection, (cause) => gate.arrive(() => ended(cause))),
    },
  }
}

function dialectThrough(gate: Gate, dialect: FakeServer['dialect']): ProcessPorts['dialect'] {
  return {
    ...dialect,
    attach: async (connection, settings, ended, another) => {
      const told = (cause: Error): void => gate.arrive(() => ended(cause))
      return linkThrough(gate, await gate.answered(dialect.attach(connection, settings, told, another)))
    },
    listen: async (connection, handlers) => {
      const listening = await gate.answered(dialect.listen(connection, handlersThrough(gate, handlers)))
      return {
        check: () => gate.answered(listening.check()),
        receivePublic: (strangers) => gate.answered(listening.receivePublic(strangers)),
        stop: () => gate.answered(listening.stop()),
      }
    },
    recordLeader: (connection, record) => gate.answered(dialect.recordLeader(connection, record)),
    readLeader: (connection, key) => gate.answered(dialect.readLeader(connection, key)),
  }
}

function handlersThrough(gate: Gate, handlers: NotificationHandlers): NotificationHandlers {
  return {
    onWakeUp: (keyId, sender) => gate.arrive(() => handlers.onWakeUp(keyId, sender)),
    onTicket: (keyId, sender) => gate.arrive(() => handlers.onTicket(keyId, sender)),
    onMessage: (message, sender) => gate.arrive(() => handlers.onMessage(message, sender)),
    onPublicMessage: () => gate.arrive(() => handlers.onPublicMessage()),
    onEnd: (cause) => gate.arrive(() => handlers.onEnd(cause)),
  }
}

/** A link whose answers come through the gate. */
function linkThrough(gate: Gate, link: LockLink): LockLink {
  return {
    ...link,
    run: (operations) => gate.answered(link.run(operations)),
    enqueue: (operation, waitMs) => gate.answered(link.enqueue(operation, waitMs)),
    permits: (operation) => gate.answered(link.permits(operation)),
    notify: (keys) => gate.answered(link.notify(keys)),
    isQueuedFor: (key) => gate.answered(link.isQueuedFor(key)),
    isWanted: (key) => gate.answered(link.isWanted(key)),
    sendTicket: (key) => gate.answered(link.sendTicket(key)),
    broadcast: (message) => gate.answered(link.broadcast(message)),
    announce: (sender, entries) => gate.answered(link.announce(sender, entries)),
    tableUse: (ours) => gate.answered(link.tableUse(ours)),
    delayEnded: (key, mode) => gate.answered(link.delayEnded(key, mode)),
    holderOf: (key) => gate.answered(link.holderOf(key)),
    heartbeat: () => gate.answered(link.heartbeat()),
    reconcile: (expected) => gate.answered(link.reconcile(expected)),
    detach: () => gate.answered(link.detach()),
  }
}
