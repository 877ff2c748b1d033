import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { CODES, codeOfClose, type SocketSignalServerMap } from 'socket-signal'
import type { RedisBackplane } from 'socket-signal-redis'

/** What Prometheus reads at `/metrics`. Labels are codes alone: no ids, no topics, no addresses. */
export interface Metrics {
  readonly type: string
  text(): Promise<string>
  /** Ends what watches the event loop. */
  close(): void
}

const PREFIX = 'socket_signal_'

export function createMetrics(signal: SocketSignalServerMap, backplane?: RedisBackplane): Metrics {
  const register = new Registry()
  collectDefaultMetrics({ register })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      ...{ name: PREFIX + name, help, registers: [register] },
      collect() {
        this.set(read())
      }
    })
  gauge('sockets', 'sockets that are open, admitted or not', () => signal.stats().sockets)
  gauge('connections', 'clients that were admitted', () => signal.stats().connections)
  gauge('away', 'clients without a socket whose place is kept', () => signal.stats().away)
  gauge('topics', 'topics with members that this node knows', () => signal.stats().topics)
  gauge('history_bytes', 'what is kept of messages, of all nodes, about', () => signal.stats().history ?? 0)
  gauge('offers', 'offers that wait for their answer', () => signal.stats().offers)
  routed(signal, register)
  refusals(signal, register)
  if (backplane) {
    gauge('backplane_ready', '1 where other nodes can be reached', () =>
      backplane.status === 'ready' ? 1 : 0
    )
    gauge(
      'backplane_latency_seconds',
      'the last heartbeat, to Redis and back',
      () => backplane.latency / 1000
    )
    gauge('backplane_nodes', 'other nodes that live', () => backplane.nodes)
    gauge('backplane_malformed', 'what came from Redis and was ignored', () => backplane.malformed)
  }
  return {
    type: register.contentType,
    text: () => register.metrics(),
    close: () => register.clear()
  }
}

function routed(signal: SocketSignalServerMap, register: Registry): void {
  let before = 0
  new Counter({
    ...{ name: `${PREFIX}routed_total`, help: 'frames that were passed on', registers: [register] },
    collect() {
      const { routed: now } = signal.stats()
      this.inc(now - before)
      before = now
    }
  })
}

function refusals(signal: SocketSignalServerMap, register: Registry): void {
  const name = `${PREFIX}refusals_total`
  const help = 'requests that were refused, and sockets that this server closed, by code'
  const counter = new Counter({ name, help, labelNames: ['code'], registers: [register] })
  signal.on('refused', code => counter.inc({ code: known(code) }))
  signal.on('disconnection', (_rpc, { code }) => {
    const name = codeOfClose(code)
    if (name) counter.inc({ code: name })
  })
}

/** Hooks may throw any code: so many labels would be a list without an end. */
function known(code: string): string {
  return Object.hasOwn(CODES, code) ? code : 'OTHER'
}
