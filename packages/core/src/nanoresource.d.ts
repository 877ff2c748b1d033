declare module 'nanoresource' {
  type Done = (error?: Error | null) => void

  export default class Nanoresource {
    constructor(options?: { open?: (done: Done) => void; close?: (done: Done) => void })
    opening: boolean
    opened: boolean
    closing: boolean
    closed: boolean
    open(done?: Done): void
    close(done?: Done): void
  }
}
