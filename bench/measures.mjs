/** What can be measured, in the order in which it is, with its deadline. */
export const MEASURES = [
  { name: 'relay', seconds: 300, says: 'CPU of the server for each routed message of 1 kB' }
]
