import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Test } from 'tape'
import type { WebSocket } from 'ws'
import {
  type Answer,
  type Call,
  decodeMessage,
  encodeAnswer,
  encodeCall,
  encodeFailure,
  toText
} from '../../packages/gateway/src/published/nanomessage.ts'
import { until } from './wait.ts'
import { rawWebsocket } from './websocket.ts'

/** Speaks the language of published clients and keeps no rules; of generation 10, if not told otherwise. */
export class RawPublished {
  readonly id: Buffer
  readonly websocket: WebSocket
  readonly received: (Call | Answer)[] = []
  closed: { code: number; reason: string } | undefined
  #number = 0

  static async dial(t: Test, url: string, id: Buffer = randomBytes(32)): Promise<RawPublished> {
    const websocket = rawWebsocket(t, url, {}, '')
    await once(websocket, 'open')
    return new RawPublished(websocket, id)
  }

  private constructor(websocket: WebSocket, id: Buffer) {
    this.id = id
    this.websocket = websocket
    websocket.on('message', (data: Buffer) => this.received.push(decodeMessage(data)))
    websocket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) }
    })
  }

  /** Calls, and waits for the answer. */
  async call(name: string, fields: object = {}): Promise<Answer> {
    const number = this.say(name, fields)
    const isIt = (message: Call | Answer) => message.kind === 'answer' && message.number === number
    await until(() => this.received.some(isIt) || this.closed !== undefined, `an answer to ${name}`)
    const answer = this.received.find(isIt)
    if (!answer) throw new Error(`closed with ${this.closed?.code}: ${this.closed?.reason}`)
    return answer as Answer
  }

  /** Calls under the next number, or under this one. */
  say(name: string, fields: object = {}, number = ++this.#number): number {
    this.websocket.send(encodeCall(number, name, { id: toText(this.id), metadata: {}, ...texts(fields) }))
    return number
  }

  answer(number: number, data: unknown): void {
    this.websocket.send(encodeAnswer(number, data))
  }

  refuse(number: number, message: string): void {
    this.websocket.send(
      encodeFailure(number, { code: 'NRPC_ERR_RESPONSE_ERROR', unformatMessage: '%s', args: [message] })
    )
  }

  /** The next call of the server under this name. */
  async called(name: string): Promise<Call & { data: { [name: string]: unknown } }> {
    const isIt = (message: Call | Answer) => message.kind === 'call' && message.name === name
    await until(() => this.received.some(isIt), `a call of ${name}`)
    return this.received.splice(this.received.findIndex(isIt), 1)[0] as never
  }

  /** What it was closed with. */
  async end(): Promise<number> {
    await until(() => this.closed !== undefined, 'the server closes it')
    return this.closed?.code ?? 0
  }
}

function texts(fields: object): object {
  const entries = Object.entries(fields)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value instanceof Uint8Array ? toText(value) : value])
  )
}

/** A message with JSON that nothing here would write; what it is made of writes a text of a length. */
export function withJson(message: (length: number) => Uint8Array, json: string): Uint8Array {
  const bytes = Buffer.from(message(json.length - '{"data":""}'.length))
  bytes.write(json, bytes.length - json.length)
  return bytes
}
