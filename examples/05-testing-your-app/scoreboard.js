// The app: everybody sees everybody's score.

export class Scoreboard {
  scores = new Map()
  own = 0

  constructor(client, topic) {
    this.client = client
    this.topic = topic
    client.on('message', ({ id, data }) => this.scores.set(key(id), data.score))
    client.on('peer-left', ({ id }) => this.scores.delete(key(id)))
    // Who comes is told our score.
    client.on('peer-joined', ({ id }) => this.tell(id))
    this.join()
  }

  // Servers may be down for longer than one call waits.
  async join() {
    while (this.client.status !== 'closed') {
      const joined = await this.client.join(this.topic, { watch: true }).catch(() => undefined)
      if (joined) return
    }
  }

  async add(points) {
    this.own += points
    await this.tell()
  }

  // THE BUG: a message is sent at most once. One that is lost, because a socket broke or a limit was hit, is not told
  // again, so that the others keep an old score, or none, until the next point.
  async tell(to) {
    await this.client.publish(this.topic, { score: this.own }, to && { to }).catch(() => {})
  }
}

function key(id) {
  return Buffer.from(id).toString('hex')
}
