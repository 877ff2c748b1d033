export interface Tags {
  sections: Record<string, string[]>
  /** The sections of which no number may lack its test. */
  complete: string[]
}

/** What is wrong with the tags (`003.14 `) that the names of these tests begin with. */
export function tagProblems(names: string[], { sections, complete }: Tags, word: string): string[] {
  const used = names.flatMap(tagsOf)
  const known = new Set(Object.keys(sections).flatMap(section => allOf(section, sections)))
  const wanted = complete.filter(section => word === '' || word === section)
  return [
    ...unique(used.filter(tag => !known.has(tag))).map(tag => `unknown tag ${tag}`),
    ...unique(used.filter((tag, i) => used.indexOf(tag) !== i)).map(
      tag => `tag ${tag} is given to two tests`
    ),
    ...wanted
      .flatMap(section => allOf(section, sections))
      .filter(tag => !used.includes(tag))
      .map(tag => `no test for ${tag}`)
  ]
}

function tagsOf(name: string): string[] {
  return (
    name
      .match(/^(\d{3}\.\w+ )+/)?.[0]
      .trim()
      .split(' ') ?? []
  )
}

function allOf(section: string, sections: Tags['sections']): string[] {
  return (sections[section] ?? []).map(number => `${section}.${number}`)
}

function unique(tags: string[]): string[] {
  return [...new Set(tags)]
}

/** Whether a word of the runner is a section (`003`) or a tag (`003.14`). No HTTP status begins with a 0. */
export function isTag(word: string): boolean {
  return /^0\d\d(\.\w+)?$/.test(word)
}

/** Whether the word is in this text; a section or tag as a number of its own, not in 1,003 or in 003.145. */
export function matches(word: string, text: string): boolean {
  if (!isTag(word)) return text.includes(word)
  return new RegExp(`(?<![\\w.,])${word.replace('.', '\\.')}(?!\\w)`).test(text)
}
