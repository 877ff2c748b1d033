import { once } from 'node:events'
import { createTokens } from 'socket-signal-token'
import type { Test } from 'tape'
import { bearer, Guide, ROOM, statusOf } from '../tools/chat.ts'
import { Child } from '../tools/child.ts'
import { run } from '../tools/command.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { get, makeClient } from '../tools/websocket.ts'

const BIN = 'packages/server/src/bin.ts'
const SECRET = 's'.repeat(32)
const NONE = { SOCKET_SIGNAL_PROJECT_ID: '', SOCKET_SIGNAL_API_TOKEN: '' }

test('chat server: --chat asks for tokens, on the same port as all else', async t => {
  const { chat, page } = await start(t, ['--chat'], { SOCKET_SIGNAL_SECRET: SECRET })
  const tokens = createTokens({
    secret: SECRET,
    issuer: 'socket-signal-server',
    audience: 'socket-signal-server'
  })
  const token = await tokens.mint({ sub: 'ada', topics: [{ name: ROOM }], can: ['join', 'publish'] })
  t.equal(await statusOf(chat + ROOM), 401)
  const ada = new Guide(t, chat + ROOM, token)
  t.equal((await ada.until(({ type }) => type === 'webrtc')).data.userId, 'ada')
  t.equal((await get(chat + ROOM)).status, 400)
  t.equal((await get(`${page}healthz`)).status, 200)
  t.equal((await get(page)).status, 200)
  t.equal(await statusOf(page, bearer(token)), 403, 'elsewhere things are as they were')
})

test('chat server: without tokens it lets in nobody, with --dev anybody', async t => {
  const closed = await start(t, ['--chat'], {})
  t.equal(await statusOf(`${closed.chat}${ROOM}?user=ada`), 401)
  await closed.child.says(/--chat without tokens lets nobody in/)
  const open = await start(t, ['--chat', '--dev', '--chat-base', '/sphere'], {})
  t.ok(open.chat.endsWith('/sphere/chat/realtime/'), open.chat)
  const ada = new Guide(t, `${open.chat}${ROOM}?user=ada&name=Ada`)
  const { data } = await ada.until(({ type }) => type === 'webrtc')
  t.equal(data.userId, 'ada')
  await open.child.says(/--dev lets anybody/)
})

test('chat server: with --dev none is needed in a chat where tokens are required elsewhere', async t => {
  const { chat, page } = await start(t, ['--chat', '--dev'], { SOCKET_SIGNAL_SECRET: SECRET })
  const ada = new Guide(t, `${chat}${ROOM}?user=ada`)
  await ada.until(({ type }) => type === 'webrtc')
  const bob = new Guide(t, `${chat}${ROOM}?user=bob`)
  await bob.until(({ type }) => type === 'webrtc')
  bob.send({ type: 'note', text: 'hello' })
  await ada.until(({ type }) => type === 'webrtc.signal')
  t.equal(await statusOf(chat + ROOM, bearer('forged')), 401, 'one that is given must be good')
  t.equal(await statusOf(page), 401, 'as elsewhere')
})

test('chat server: --help tells of it, and words that are wrong are refused', async t => {
  const of = async (...args: string[]) =>
    run(t, [process.execPath, '--import', 'tsx', '--conditions=@socket-signal/source', BIN, ...args])
  const { stdout } = await of('--help')
  for (const word of ['--chat ', '--chat-base', '--dev']) t.ok(stdout.includes(word), word)
  t.match((await of('--dev')).stderr, /need --chat/)
  t.match((await of('--chat', '--chat-base', 'sphere')).stderr, /base of chats must be a path such as \/api/)
})

test('chat server: an app says who is a member, and when that has changed', async t => {
  const members = new Set(['ada'])
  const tokens = { keys: { secret: SECRET } }
  const server = await readyMade(t, { page: false, tokens, chat: { isMember: id => members.has(id) } })
  const minter = createTokens({
    secret: SECRET,
    issuer: 'socket-signal-server',
    audience: 'socket-signal-server'
  })
  const token = await minter.mint({ sub: 'ada' })
  const ada = new Guide(t, `${server.signalUrl}api/chat/realtime/${ROOM}`, token)
  await ada.until(({ type }) => type === 'webrtc')
  members.delete('ada')
  const closed = once(ada.socket, 'close')
  t.equal(await server.chat?.membershipChanged('ada'), 1)
  t.equal((await closed)[0], 4506)
  const client = makeClient(t, server.signalUrl, { token: await minter.mint({ topics: '*', can: ['join'] }) })
  await client.open()
  t.ok(client.connected, 'clients of ours come by the same port')
})

async function start(t: Test, args: string[], env: { [name: string]: string }) {
  const child = new Child(t, BIN, ['--port', '0', ...args], { ...NONE, ...env })
  const [, page = ''] = await child.says(/page +(http\S+)\n/)
  const [, chat = ''] = await child.says(/chat +(ws\S+)\{chatId\}\n/)
  return { page, chat, child }
}
