/** Judges the shell snippets of the house's Markdown: a command that is shown must exist. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the house has to offer to a shell. */
export interface Offer {
  readonly scripts: readonly string[]
  /** The names of the `aspen` command's own commands, e.g. `serve` and `endpoint status`. */
  readonly aspenCommands: readonly string[]
  readonly exists: (path: string) => boolean
}

export function readOffer(root: string, aspenCommands: readonly string[]): Offer {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  return {
    scripts: Object.keys(manifest.scripts),
    aspenCommands,
    exists: (path) => existsSync(join(root, path)),
  }
}

const npmOwn = ['ci', 'install', 'pack', 'link']

/** The commands of a snippet that do not exist, each with the reason. Programs that are not ours are not judged. */
export function missingCommands(code: string, offer: Offer): readonly string[] {
  return commandsIn(code).flatMap((words) => {
    const reason = reasonMissing(words, offer)
    return reason === undefined ? [] : [`${words.join(' ')}: ${reason}`]
  })
}

/** Every simple command of a script: comments dropped, joined lines joined, pipes and lists taken apart. */
export function commandsIn(code: string): readonly (readonly string[])[] {
  return code
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/^\s*\$\s+/, '').replace(/(?:^|\s)#.*$/, ''))
    .flatMap((line) => line.split(/&&|\|\|?|;|&(?!>)/))
    .map((command) => command.trim().split(/\s+/))
    .map((words) => words.slice(words.findIndex((word) => !/^\w+=/.test(word))))
    .filter(([first]) => first !== undefined && first !== '')
}

function reasonMissing([program, ...rest]: readonly string[], offer: Offer): string | undefined {
  const words = rest.filter((word) => !word.startsWith('-'))
  if (program === 'npm') return reasonNpm(words, offer)
  if (program === 'npx') return words[0] === 'aspen' ? reasonAspen(words.slice(1), offer) : undefined
  if (program === 'aspen') return reasonAspen(words, offer)
  if (program === 'node' || program === 'bash') {
    const file = words[0]
    return file === undefined || offer.exists(file) ? undefined : `there is no ${file}`
  }
  return undefined
}

function reasonNpm(words: readonly string[], offer: Offer): string | undefined {
  const [command = '', script = ''] = words
  if (command === 'run') {
    if (!offer.scripts.includes(script)) return `package.json has no script '${script}'`
    return script === 'aspen' ? reasonAspen(words.slice(2), offer) : undefined
  }
  if (npmOwn.includes(command) || offer.scripts.includes(command)) return undefined
  return `package.json has no script '${command}'`
}

function reasonAspen(words: readonly string[], offer: Offer): string | undefined {
  const [command = '', sub = ''] = words
  if (command === '') return undefined
  const known = offer.aspenCommands.includes(command) || offer.aspenCommands.includes(`${command} ${sub}`)
  return known ? undefined : `aspen has no command '${command}'`
}
