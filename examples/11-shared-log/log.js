import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'

/** A pair of keys for one author; `id` names it to others. */
export function createAuthor() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { privateKey, id: publicKey.export({ format: 'der', type: 'spki' }).toString('base64') }
}

/** What one author wrote, append only: each entry is signed over all that came before it, so nobody can change what it hands on. */
export class Log {
  entries = []
  #author
  #hash = ''

  constructor(author) {
    this.#author = author
  }

  append(text, privateKey) {
    const hash = this.#next(text)
    this.#add({ text, signature: sign(null, Buffer.from(hash), privateKey).toString('base64') }, hash)
  }

  /** Takes the next entry, from whomever it comes. Gives false for one that the author has not signed. */
  take({ text, signature }) {
    const hash = this.#next(text)
    const key = createPublicKey({ key: Buffer.from(this.#author, 'base64'), format: 'der', type: 'spki' })
    if (!verify(null, Buffer.from(hash), key, Buffer.from(signature, 'base64'))) return false
    this.#add({ text, signature }, hash)
    return true
  }

  #next(text) {
    return createHash('sha256')
      .update(JSON.stringify([this.#hash, this.entries.length, text]))
      .digest('hex')
  }

  #add(entry, hash) {
    this.entries.push(entry)
    this.#hash = hash
  }
}
