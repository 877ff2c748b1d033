/**
 * Routed messages between pairs of ends: `ends[0]` and `ends[1]`, and so on. Each phase begins and ends with nothing on
 * its way, so that its CPU time can be told exactly. Gives a function of seconds that resolves with the
 * number of messages; its `end` stops listening.
 *
 * - Without `inFlight`, each pair has one message on its way: who gets it sends one back.
 * - With it, so many are on their way in all, and the ends send in turn.
 */
export function createLoad(ends, client, inFlight) {
  const { sender, begins = () => true, isRelayed = () => true } = client
  const senders = ends.map((end, at) => sender(end, ends[at ^ 1], at & 1))
  const first = at => (begins(ends[at], ends[at + 1]) ? senders[at] : senders[at + 1])
  let turn = 0
  const inTurn = () => senders[turn++ % senders.length]()
  const starts = inFlight
    ? Array.from({ length: inFlight }, () => inTurn)
    : ends.flatMap((_, at) => (at & 1 ? [] : [first(at)]))
  let count = 0
  let waiting = 0
  let going = false
  let drained

  const listeners = ends.map(({ websocket }, at) => {
    const next = inFlight ? inTurn : senders[at]
    const listener = data => {
      if (!isRelayed(data, at & 1)) return
      count++
      if (going) next(data)
      else if (--waiting === 0) drained()
    }
    websocket.on('message', listener)
    return () => websocket.off('message', listener)
  })

  const load = async seconds => {
    count = 0
    going = true
    waiting = starts.length
    const end = new Promise(resolve => {
      drained = resolve
    })
    for (const start of starts) start()
    setTimeout(() => {
      going = false
    }, seconds * 1000)
    await end
    return count
  }
  load.end = () => {
    for (const stop of listeners) stop()
  }
  return load
}

/** CPU time of the server for each message, after half the time has gone by to warm up. Unit: µs. */
export async function costOf(server, load, seconds) {
  await load(seconds / 2)
  const before = await server.cpu()
  const messages = await load(seconds)
  return ((await server.cpu()) - before) / messages
}
