import type { State } from 'socket-signal-room'
import { byId, el } from './dom.ts'

/** Everybody is heard, whoever is on this page of the grid. */
export class Sound {
  readonly #playing = new Map<string, HTMLAudioElement>()

  show({ streams, localParticipantId }: State): void {
    const heard = Object.values(streams).filter(each => each.participantId !== localParticipantId)
    const tracks = new Map(heard.flatMap(({ id, audioTrack }) => (audioTrack ? [[id, audioTrack]] : [])))
    for (const [id, audio] of this.#playing) {
      if (tracks.has(id)) continue
      audio.srcObject = null
      audio.remove()
      this.#playing.delete(id)
    }
    for (const [id, track] of tracks) {
      const audio = this.#playing.get(id) ?? el('audio')
      this.#playing.set(id, audio)
      if ((audio.srcObject as MediaStream | null)?.getTracks()[0] === track) continue
      byId('sound').append(audio)
      audio.srcObject = new MediaStream([track])
      void audio.play().catch(() => {}) // It may have to wait for a click.
    }
  }
}
