import { createServer } from 'node:net'

/** A port of this machine that nobody listens at. `bus`: the port ten thousand above it is free as well; both below those that are given to who dials out. */
export async function freePort(bus = false): Promise<number> {
  for (;;) {
    const port = await hold(bus ? 11_000 + Math.floor(Math.random() * 10_000) : 0)
    if (port > 0 && (!bus || (await hold(port + 10_000)) > 0)) return port
  }
}

/** Listens there for a moment. Gives the port, or 0 where somebody else has it. */
async function hold(port: number): Promise<number> {
  const holder = createServer()
  const free = await new Promise<boolean>(resolve =>
    holder.listen(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
  )
  if (!free) return 0
  const found = (holder.address() as { port: number }).port
  await new Promise(resolve => holder.close(resolve))
  return found
}
