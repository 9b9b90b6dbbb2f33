/**
 * Walks through a recorded run one delivery at a time, forwards and backwards. Takes commands as words and gives lines of
 * text; the terminal is somebody else's.
 */
import { type Delivery, deliveryOf, type Json, messageOf, type RunTrace } from '../trace/record.ts'
import { coneOf } from './cone.ts'
import { coneLines } from './cone-text.ts'
import { decisionText } from './story.ts'
import { deliveryLine, viewText } from './words.ts'

export interface WalkerOptions {
  /** Runs the seed again up to the end of a delivery, and gives the whole state of its actor there. */
  readonly stateAfter: (delivery: Delivery) => Json
}

/** What came of a command. */
export type Walked = { readonly type: 'lines'; readonly lines: readonly string[] } | { readonly type: 'end' }

export const walkerHelp: readonly string[] = [
  'n [count]  on            p [count]  back          g N  to delivery N       v  to the violation',
  'a          next of this actor       b  the one before of this actor       u  to what caused it',
  '/ words    next that mentions them  s  the whole state, by running again  c  what led to it',
  'w          here again               h  this                               q  end',
]

export class Walker {
  readonly #trace: RunTrace
  readonly #options: WalkerOptions
  #at: number

  constructor(trace: RunTrace, at: number, options: WalkerOptions) {
    this.#trace = trace
    this.#options = options
    this.#at = Math.min(Math.max(1, at), trace.deliveries.length)
  }

  get at(): number {
    return this.#at
  }

  do(command: string): Walked {
    const [word = 'n', ...rest] = command.trim().split(/\s+/)
    const count = Math.max(1, Number(rest[0] ?? 1) || 1)
    switch (word) {
      case 'q':
        return { type: 'end' }
      case '':
      case 'n':
        return this.#to(this.#at + count)
      case 'p':
        return this.#to(this.#at - count)
      case 'g':
        return this.#to(Number(rest[0]))
      case 'v':
        return this.#to(this.#trace.broken?.seq || this.#trace.deliveries.length)
      case 'a':
        return this.#toActor(1)
      case 'b':
        return this.#toActor(-1)
      case 'u':
        return this.#toCause()
      case 'w':
        return this.#to(this.#at)
      case '/':
        return this.#find(rest)
      case 's':
        return lines(JSON.stringify(this.#options.stateAfter(this.#here), undefined, 1).split('\n'))
      case 'c':
        return lines(coneLines(this.#trace, coneOf(this.#trace, { from: [this.#at] }), 40))
      default:
        return lines(walkerHelp)
    }
  }

  get #here(): Delivery {
    return deliveryOf(this.#trace, this.#at)
  }

  #to(seq: number): Walked {
    const { deliveries } = this.#trace
    if (!Number.isInteger(seq) || seq < 1 || seq > deliveries.length)
      return lines([`there are deliveries 1 to ${deliveries.length}`])
    this.#at = seq
    return lines(stepLines(this.#trace, seq))
  }

  #toActor(by: 1 | -1): Walked {
    const { node, actor } = this.#here
    for (let seq = this.#at + by; seq >= 1 && seq <= this.#trace.deliveries.length; seq += by) {
      const other = deliveryOf(this.#trace, seq)
      if (other.node === node && other.actor === actor) return this.#to(seq)
    }
    return lines([`no ${by > 0 ? 'later' : 'earlier'} delivery to ${actor} of node ${node}`])
  }

  #toCause(): Walked {
    const [parent] = this.#here.parents
    return parent === undefined ? lines(['nothing that was delivered caused it']) : this.#to(parent)
  }

  #find(words: readonly string[]): Walked {
    const wanted = words.map((word) => word.toLowerCase())
    for (let seq = this.#at + 1; seq <= this.#trace.deliveries.length; seq++) {
      const text = stepLines(this.#trace, seq).join('\n').toLowerCase()
      if (wanted.every((word) => text.includes(word))) return this.#to(seq)
    }
    return lines([`nothing after #${this.#at} mentions ${words.join(' ')}`])
  }
}

/** Single keys as commands; those that go on with words are collected until Enter. */
export class KeyReader {
  /** What was typed of a command that is not complete yet. */
  typed = ''

  /** The command that `key` completes; undefined while there is none. */
  press(key: string): string | undefined {
    if (key === '\u0003' || key === '\u0004') return 'q'
    if (this.typed === '' && key !== 'g' && key !== '/') return keyNames[key] ?? key
    if (key !== '\r' && key !== '\n') {
      this.typed = key === '\u007f' ? this.typed.slice(0, -1) : this.typed + key
      return undefined
    }
    // `g120` is meant as `g 120`.
    const command = this.typed.replace(/^([g/])\s*/, '$1 ')
    this.typed = ''
    return command
  }
}

const keyNames: { readonly [key: string]: string } = {
  '\u001b[C': 'n',
  '\u001b[D': 'p',
  ' ': 'n',
  '\r': 'n',
  '\n': 'n',
}

/** One delivery: what came, from whom; what was sent and done; what was decided, and where the group stands. */
export function stepLines(trace: RunTrace, seq: number): string[] {
  const delivery = deliveryOf(trace, seq)
  const { broken, happened, messages } = trace
  const out: string[] = []
  for (const { after, text } of happened) if (after === seq - 1) out.push(`** ${text}`)
  out.push(deliveryLine(trace, delivery))
  const { body, sentAtMs, via } = messageOf(trace, delivery)
  const underWay = delivery.atMs - sentAtMs
  if (via === 'network' || via === 'thread')
    out.push(`  sent at ${sentAtMs.toFixed(3)} ms, ${underWay.toFixed(3)} ms under way`)
  if (delivery.reborn) out.push('  the first after its actor lost its memory')
  out.push(`  ${JSON.stringify(body)}`)
  for (const id of delivery.sends) {
    const message = messages[id - 1]
    if (message === undefined) continue
    const fate =
      message.deliveries.length > 0
        ? message.deliveries.map((handled) => `#${handled}`).join(' ')
        : message.cut
          ? 'lost: the link was cut'
          : 'not handled'
    out.push(`  sends ${message.kind} to node ${message.toNode} ${message.toActor} → ${fate}`)
  }
  for (const effect of delivery.effects) out.push(`  ${effect}`)
  for (const decision of trace.decisions) {
    if (decision.seq !== seq) continue
    out.push(`  ⇒ ${decision.group}: ${decisionText(decision)}`)
    for (const [field, before, after] of decision.diff) out.push(`      ${field}: ${before || '–'} → ${after || '–'}`)
    if (decision.state !== null) out.push(`    ${viewText(decision.state)}`)
  }
  out.push(`  lamport ${delivery.lamport}, hash ${delivery.hash}`)
  if (broken?.seq === seq) out.push(`  ✗ ${broken.text.split('\n')[0]}`)
  return out
}

function lines(said: readonly string[]): Walked {
  return { type: 'lines', lines: said }
}
