import { randomBytes } from 'node:crypto'
import { createCrypto } from 'socket-signal'
import { createAddressed } from '../../packages/core/src/frame.ts'
import { FLAG } from '../../packages/core/src/protocol.ts'
import { playedOpen } from '../tools/played.ts'
import { test } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))

/** A frame as a server would bring it from somebody who has no key. */
function from(kind: 'message' | 'offer' | 'remoteConnect', size = 2): Uint8Array {
  const [address, topic, session] = [randomBytes(32), randomBytes(32), randomBytes(32)]
  const offer = { type: 'offer', sdp: 'v=0\r\n' }
  const body = Buffer.from(JSON.stringify({ offer, metadata: { large: 'x'.repeat(size) } }))
  const frame = createAddressed(kind, { flags: FLAG.json, address, topic, session, seq: 1, body })
  frame.signature = new Uint8Array(64).fill(1)
  frame.requestId = kind === 'message' ? 0 : randomBytes(4).readUInt32BE()
  return frame.bytes
}

test('hostile kept: messages that come faster than they are checked wait to a bound', async t => {
  const done: (() => void)[] = []
  const crypto = { ...createCrypto(), verify: () => new Promise<boolean>(yes => done.push(() => yes(true))) }
  const { client, server } = await playedOpen(t, { crypto })
  const told = record(client, 'message')
  const lost = record(client, 'dropped')
  const readAll = async () => {
    for (let idle = 0; idle < 20; idle++) {
      if (done.length > 0) idle = 0
      for (const yes of done.splice(0)) yes()
      await turn()
    }
  }
  for (let sent = 0; sent < 2_000; sent++) {
    server.bytes(from('message', 16_000))
    if (sent % 100 === 0) await turn()
  }
  await until(() => done.length === 1, 'the first one is being checked')
  await readAll()
  t.ok(told.length > 400 && told.length * 16_000 < 11_000_000, `${told.length} of 16 kB have waited`)
  t.equal(lost.length, 2000 - told.length, 'the others are told as lost')
  t.equal(lost[0]?.args[0].error.code, 'SLOW_CONSUMER')
  const before = told.length
  for (let sent = 0; sent < 100; sent++) server.bytes(from('message', 16_000))
  await readAll()
  t.equal(told.length, before + 100, 'and there is room again')
})

test('hostile kept: offers and wishes without end take so many places and no more', async t => {
  const kinds = [
    // Those that come while others are being checked are on top.
    ['offer', 8 + 64 + 100],
    ['remoteConnect', 1024]
  ] as const
  for (const [kind, most] of kinds) {
    const asked: unknown[] = []
    const hang = (ask: unknown) => {
      asked.push(ask)
      return new Promise<never>(() => {})
    }
    const { client, server, rtcs } = await playedOpen(t, { verify: 'off', requestTimeout: 60_000 })
    if (kind === 'offer') client.onOffer(hang)
    else client.onRemoteConnect(hang)
    const dropped = record(client, 'dropped')
    for (let sent = 0; sent < 3_000; sent++) {
      server.bytes(from(kind))
      if (sent % 100 === 0) await turn()
    }
    const refusals = () => server.received.filter(({ kind }) => kind === 'refusal').length
    const held = () => 3_000 - refusals() - dropped.length
    await until(
      () => held() <= most,
      () => `${kind}: ${held()} are held`
    )
    t.ok(
      asked.length > 0 && asked.length <= held(),
      `${held()} are held, ${asked.length} have been asked about`
    )
    t.equal(rtcs.length, 0, 'and no connection was made')
  }
})
