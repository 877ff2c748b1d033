import { EventEmitter } from 'node:events'
import { createAuthor, Log } from './log.js'

const MAX = { line: 64 * 1024, authors: 1000 }

/** The logs of all authors, kept equal over any duplex stream: each side says how much it has, and is sent what it lacks. */
export class Replicator extends EventEmitter {
  author = createAuthor()
  logs = new Map([[this.author.id, new Log(this.author.id)]])
  #others = new Set()

  append(text) {
    this.logs.get(this.author.id).append(text, this.author.privateKey)
    this.#spread(this.author.id)
  }

  /** Replicates over a stream until it ends. */
  replicate(stream) {
    // How much of each log the other side has.
    const other = { stream, has: new Map() }
    this.#others.add(other)
    stream.on('close', () => this.#others.delete(other))
    const decoder = new TextDecoder()
    let rest = ''
    stream.on('data', chunk => {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop()
      try {
        if (rest.length > MAX.line) throw new Error('too long')
        for (const line of lines) this.#read(other, JSON.parse(line))
      } catch {
        stream.destroy() // Whatever it speaks, it is not this.
      }
    })
    const have = [...this.logs].map(([author, { entries }]) => [author, entries.length])
    stream.write(`${JSON.stringify({ have })}\n`)
  }

  #read(other, { have, author, at, entry }) {
    if (have) {
      for (const [author, length] of have) {
        if (!(length >= 0) || other.has.size >= MAX.authors) throw new Error('no count')
        other.has.set(author, length)
      }
      for (const author of this.logs.keys()) this.#send(other, author)
      return
    }
    const log = this.logs.get(author) ?? new Log(author)
    other.has.set(author, Math.max(other.has.get(author) ?? 0, at + 1))
    if (at !== log.entries.length || this.logs.size >= MAX.authors) return // It came from somebody else before.
    if (!log.take(entry)) throw new Error('forged')
    this.logs.set(author, log)
    this.emit('entry', author, entry.text)
    this.#spread(author)
  }

  #spread(author) {
    for (const other of this.#others) this.#send(other, author)
  }

  #send(other, author) {
    const { entries } = this.logs.get(author)
    for (let at = other.has.get(author) ?? 0; at < entries.length; at++) {
      other.stream.write(`${JSON.stringify({ author, at, entry: entries[at] })}\n`)
      other.has.set(author, at + 1)
    }
  }
}
