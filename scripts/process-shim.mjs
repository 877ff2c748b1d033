export const process = {
  nextTick: (callback, ...args) => queueMicrotask(() => callback(...args))
}
