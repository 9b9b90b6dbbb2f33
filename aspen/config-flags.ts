/**
 * From a command line, an environment and a file to "this setting was given this text, there". Nothing here judges a
 * value: it finds names, knows the nearest one to a misspelt one, and says which source wins: a flag beats the
 * environment, the environment beats the file, `ASPEN_` beats `ETCD_`.
 */
import { parse as parseYaml } from 'yaml'
import { configFileFlag, ignoredFlags, refusedFlags, settings, toggleFlags } from './config-settings.ts'

/** One value as somebody wrote it. */
export interface Given {
  readonly value: string
  /** For a message: `--name`, `ASPEN_NAME`, `name in /etc/aspen.yaml`. */
  readonly source: string
}

export interface Findings {
  /** By flag, without dashes. */
  readonly given: Map<string, Given>
  readonly problems: string[]
  readonly warnings: string[]
}

const knownFlags: ReadonlySet<string> = new Set([
  ...Object.values(settings).map((setting) => setting.flag),
  configFileFlag,
])

/** Reads a command line in the manner of etcd: `--name x`, `--name=x`, `-name x`; the last of several wins. */
export function readArguments(argv: readonly string[], findings: Findings): void {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string
    const form = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word)
    if (form === null) {
      findings.problems.push(`${JSON.stringify(word)}: wanted a flag such as --name, found a word that belongs to none`)
      continue
    }
    const [, flag = '', inline] = form
    let value = inline
    if (value === undefined && takesNoValue(flag)) value = 'true'
    const next = argv[at + 1]
    // An unknown flag takes the next word with it too, so that its value is not reported as a second mistake.
    if (value === undefined && next !== undefined && mayBeValue(next, flag)) {
      value = next
      at += 1
    }
    if (value === undefined && knownFlags.has(flag)) findings.problems.push(`--${flag}: wanted a value, found none`)
    else note(findings, flag, value ?? '', `--${flag}`)
  }
}

function takesNoValue(flag: string): boolean {
  return toggleFlags.has(flag) || ignoredFlags.get(flag)?.toggle === true
}

function mayBeValue(word: string, flag: string): boolean {
  if (!knownFlags.has(flag) && !ignoredFlags.has(flag)) return !word.startsWith('-')
  // `--name --data-dir x` forgot the name: no value is written like a flag of ours.
  return !knownFlags.has(word.replace(/^--?/, '').replace(/=.*$/s, '')) || !word.startsWith('-')
}

/** Reads `ASPEN_` and `ETCD_` variables; what a flag has set already stays. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>, findings: Findings): void {
  const names = Object.keys(env).filter((name) => name.startsWith('ASPEN_'))
  for (const name of [...names, ...Object.keys(env).filter((other) => other.startsWith('ETCD_'))]) {
    const value = env[name]
    // As etcd has it, an empty variable is no variable.
    if (value === undefined || value === '') continue
    const flag = name
      .slice(name.indexOf('_') + 1)
      .toLowerCase()
      .replaceAll('_', '-')
    if (knownFlags.has(flag) || ignoredFlags.has(flag) || refusedFlags.has(flag)) {
      const earlier = findings.given.get(flag)
      if (earlier !== undefined && earlier.value !== value) {
        findings.warnings.push(`${name} is set to ${JSON.stringify(value)} but ${earlier.source} wins`)
      }
      if (earlier === undefined) note(findings, flag, value, name)
    } else if (!commandVariables.has(name) && name !== 'ETCD_UNSUPPORTED_ARCH') {
      // Not refused: the environment is shared, and a variable may be meant for something else.
      findings.warnings.push(
        `${name} is no setting of a node and is ignored${suggestion(flag, (near) => variableOf(near))}`,
      )
    }
  }
}

/** Variables of the other commands of `aspen`. */
const commandVariables: ReadonlySet<string> = new Set([
  'ASPEN_ENDPOINTS',
  'ASPEN_KEYSPACE',
  'ASPEN_COMMAND_TIMEOUT',
  'ASPEN_USER',
  'ASPEN_PASSWORD',
  'ASPEN_CACERT',
  'ASPEN_CERT',
  'ASPEN_KEY',
  'ASPEN_INSECURE_SKIP_TLS_VERIFY',
  'ASPEN_INSECURE_TRANSPORT',
])

/** Reads a YAML file whose keys are the flags without dashes; what is set already stays. */
export function readSettingsFile(path: string, readFile: (path: string) => string, findings: Findings): void {
  let document: unknown
  try {
    document = parseYaml(readFile(path))
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    findings.problems.push(`--${configFileFlag}: wanted a readable YAML file, found ${JSON.stringify(path)}: ${reason}`)
    return
  }
  // An empty file is an empty map to YAML.
  if (document === null) return
  if (typeof document !== 'object' || Array.isArray(document)) {
    findings.problems.push(
      `--${configFileFlag}: wanted a map of settings at the top of ${JSON.stringify(path)}, found another shape`,
    )
    return
  }
  for (const [key, value] of Object.entries(document).flatMap(withoutSections)) {
    const source = `${key} in ${path}`
    if (key === configFileFlag) {
      findings.problems.push(`${source}: wanted on the command line or in the environment, found in the file itself`)
      continue
    }
    const text = textOf(value)
    if (text === undefined && knownFlags.has(key)) {
      findings.problems.push(`${source}: wanted one value or a list of them, found ${JSON.stringify(value)}`)
    } else if (!findings.given.has(key)) {
      note(findings, key, text ?? '', source)
    }
  }
}

/** etcd's files have two sections, for the two sides of TLS, whose keys are not quite the flags. */
function withoutSections([key, value]: [string, unknown]): readonly [string, unknown][] {
  const side = /^(client|peer)-transport-security$/.exec(key)?.[1]
  if (side === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return [[key, value]]
  return Object.entries(value).map(([name, one]) => [flagInSection(side, name), one])
}

function flagInSection(side: string, name: string): string {
  if (name === 'crl-file') return `${side}-crl-file`
  if (name === 'allowed-cn' || name === 'allowed-hostname') return `${side}-cert-${name}`
  return side === 'peer' ? `peer-${name}` : name
}

/** The known flag that is written most like `flag`, if any is near. */
export function nearestFlag(flag: string): string | undefined {
  let nearest: string | undefined
  // More than a third of the letters wrong is another word, not a slip.
  let distanceMin = Math.max(2, Math.floor(flag.length / 3)) + 1
  for (const known of knownFlags) {
    const distance = editDistance(flag.toLowerCase().replaceAll('_', '-'), known)
    if (distance < distanceMin) {
      distanceMin = distance
      nearest = known
    }
  }
  return nearest
}

export function variableOf(flag: string): string {
  return `ASPEN_${flag.toUpperCase().replaceAll('-', '_')}`
}

function note(findings: Findings, flag: string, value: string, source: string): void {
  const refusal = refusedFlags.get(flag)
  if (knownFlags.has(flag)) findings.given.set(flag, { value, source })
  else if (ignoredFlags.has(flag)) findings.warnings.push(`${source} has no meaning here and is ignored`)
  else if (refusal !== undefined) findings.problems.push(`${source} is a setting of etcd that is refused: ${refusal}`)
  else
    findings.problems.push(
      `${source} is unknown${suggestion(flag, (near) => (source.startsWith('--') ? `--${near}` : near))}`,
    )
}

function suggestion(flag: string, form: (near: string) => string): string {
  const near = nearestFlag(flag)
  return near === undefined ? '' : `; did you mean ${form(near)}?`
}

function textOf(value: unknown): string | undefined {
  if (value === null) return ''
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (!Array.isArray(value)) return undefined
  const parts = value.map(textOf)
  return parts.includes(undefined) ? undefined : parts.join(',')
}

/** How many letters must be put in, taken out, changed or swapped with their neighbour to make one word the other. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const changed = (last[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      let least = Math.min(changed, (last[j] as number) + 1, (row[j - 1] as number) + 1)
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] as number) + 1)
      }
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[to.length] as number
}
