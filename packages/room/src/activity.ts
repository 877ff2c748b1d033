/** Levels, 0 to 1, from which on somebody speaks, and below which nobody does: between the two nothing changes. */
const ON = 0.03
const OFF = 0.015
/** How often in a row it must be loud, and how long quiet, before it counts: a cough is no speech, a breath no end. Unit: ms. */
const LOUD = 2
const QUIET = 1000

interface Voice {
  speaking: boolean
  loud: number
  /** When it was heard last. */
  heard: number
}

/** Who speaks, from levels of sound. */
export class Activity {
  readonly #voices = new Map<string, Voice>()

  /** Takes all levels of now, by stream; gives whose state has changed. Unit of `now`: ms. */
  listen(levels: ReadonlyMap<string, number>, now: number): Map<string, boolean> {
    const changes = new Map<string, boolean>()
    for (const [id, level] of levels) {
      const voice = this.#voices.get(id) ?? { speaking: false, loud: 0, heard: now }
      this.#voices.set(id, voice)
      voice.loud = level >= ON ? voice.loud + 1 : 0
      if (level > OFF) voice.heard = now
      const speaking = voice.speaking ? now - voice.heard < QUIET : voice.loud >= LOUD
      if (speaking !== voice.speaking) changes.set(id, speaking)
      voice.speaking = speaking
    }
    for (const [id, { speaking }] of this.#voices) {
      if (levels.has(id)) continue
      this.#voices.delete(id)
      if (speaking) changes.set(id, false)
    }
    return changes
  }
}
