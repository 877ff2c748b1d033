type Callback = (error?: Error | null) => void

declare class Nanoresource {
  constructor(options?: { open?: (callback: Callback) => void; close?: (callback: Callback) => void })
  readonly opening: boolean
  readonly opened: boolean
  readonly closing: boolean
  readonly closed: boolean
  readonly actives: number
  open(callback?: Callback): void
  close(callback?: Callback): void
  close(allowActive: boolean, callback?: Callback): void
  active(callback?: Callback): boolean
  inactive(callback?: Callback, error?: Error | null, value?: unknown): void
  _open(callback: Callback): void
  _close(callback: Callback): void
}

export = Nanoresource
