/** Runs tasks in order, each in a microtask of its own. While it is held, they wait. */
export class Lane {
  #tasks: (() => void)[] = []
  #running = false
  #held = false

  push(task: () => void): void {
    this.#tasks.push(task)
    this.#run()
  }

  hold(on: boolean): void {
    this.#held = on
    if (!on) this.#run()
  }

  #run(): void {
    if (this.#running || this.#held || this.#tasks.length === 0) return
    this.#running = true
    queueMicrotask(() => {
      this.#running = false
      if (this.#held) return
      const task = this.#tasks.shift()
      task?.()
      this.#run()
    })
  }
}
