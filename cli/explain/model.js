/**
 * The run as the page works with it: read once from the JSON in the page, rows made into objects, and what can be asked of
 * it. `page` is what the scripts of the page share; each adds what it owns.
 */
{
  const page = {}
  globalThis.runPage = page
  // Whoever opens a page that stays empty finds out why.
  addEventListener('error', ({ message }) => {
    document.documentElement.dataset.error = message
    document.getElementById('status').textContent = `this page failed: ${message}`
  })

  const run = JSON.parse(document.getElementById('run').textContent)
  page.run = run

  /** What a message is about decides its colour; the first pattern that fits counts. */
  const families = [
    ['election', /askVote|peer\.vote|campaign|timeoutNow/],
    ['heartbeat', /heartbeat|beat|collect|^flush$|timer\.look|members/],
    ['log', /append|matched|mismatched|persisted|fromRaft|applied|fold|napshot|installed|forward/],
    ['client', /propos|read|answer|dropped|put|txn|status|transfer|changeConf/],
    ['timer', /^timer/],
    ['system', /./],
  ]
  page.families = families.map(([name]) => name)
  const familyOfKind = run.kinds.map((kind) => families.find(([, pattern]) => pattern.test(kind))[0])

  const decisions = new Map()
  for (const [seq, node, group, label, text, state, diff] of run.decisions)
    decisions.set(seq, { seq, node, group, label, text, state, diff })

  /** By number less one. */
  page.deliveries = run.deliveries.map((row, at) => {
    const [atMs, node, executor, actor, message, previous, lamport, hash, reborn, effects] = row
    const [kind, via, sentAtMs, sender, , , , , , body] = run.messages[message - 1]
    const seq = at + 1
    return {
      seq,
      atMs,
      node,
      executor,
      actor: run.actors[actor],
      message,
      previous,
      lamport,
      hash,
      reborn: reborn === 1,
      effects,
      kind: run.kinds[kind],
      family: familyOfKind[kind],
      via,
      sentAtMs,
      sender,
      body,
      decision: decisions.get(seq),
      causes: run.causes[at],
      caused: [],
      text: '',
    }
  })
  page.messages = run.messages.map((row, at) => {
    const [kind, via, sentAtMs, sender, fromNode, fromExecutor, toNode, toActor, cut, body] = row
    return {
      id: at + 1,
      kind: run.kinds[kind],
      family: familyOfKind[kind],
      via,
      sentAtMs,
      sender,
      fromNode,
      fromExecutor,
      toNode,
      toActor: run.actors[toActor],
      cut: cut === 1,
      body,
      handled: [],
    }
  })
  page.bySender = new Map()
  for (const message of page.messages) {
    // That a timer was started is among the effects; its beats are no messages of whoever started it.
    if (message.sender === 0 || message.via === 'timer') continue
    const list = page.bySender.get(message.sender)
    if (list === undefined) page.bySender.set(message.sender, [message])
    else list.push(message)
  }
  for (const delivery of page.deliveries) {
    page.messages[delivery.message - 1].handled.push(delivery.seq)
    page.deliveries[delivery.sender - 1]?.caused.push(delivery.seq)
    delivery.text =
      `${delivery.kind} ${delivery.actor} ${delivery.decision?.text ?? ''} ${JSON.stringify(delivery.body)}`.toLowerCase()
  }
  /** A message between nodes that nobody handled. Answers to clients end at the client. */
  page.lost = page.messages.filter(
    ({ via, handled, toActor, sender }) =>
      via === 'network' && handled.length === 0 && toActor !== 'whoever asked' && sender !== 0,
  )

  page.delivery = (seq) => page.deliveries[seq - 1]

  /** What a delivery is called where there is little room. */
  page.shortKind = ({ kind, body }) => {
    const inner = body?.message ?? body
    const term = typeof inner?.term === 'number' ? ` t${inner.term}` : ''
    const pre = inner?.pre === true ? 'pre-' : ''
    const grant = inner?.granted === true ? ' yes' : inner?.granted === false ? ' no' : ''
    return `${pre}${kind.replace(/^(peer|timer|fromReplica|answer|notice|collect)\./, '')}${term}${grant}`
  }

  /** Everything that led to `starts`, as numbers. */
  page.coneFrom = (starts) => {
    const found = new Set()
    const waiting = [...starts]
    while (waiting.length > 0) {
      const seq = waiting.pop()
      if (seq === 0 || found.has(seq)) continue
      found.add(seq)
      const { causes } = page.delivery(seq)
      for (let at = 0; at < causes.length; at += 2) waiting.push(causes[at])
    }
    return found
  }

  /** What every node believed of `group` once delivery `seq` had ended, with its newest decision. */
  page.beliefsAt = (seq, group) => {
    const beliefs = new Map()
    for (const decision of run.decisions) {
      if (decision[0] > seq) break
      if (decision[2] === group) beliefs.set(decision[1], decisions.get(decision[0]))
    }
    return beliefs
  }

  page.isDown = (node, atMs) =>
    run.spans.some(
      (span) =>
        span.type === 'down' &&
        span.node === node &&
        span.executor === undefined &&
        span.fromMs <= atMs &&
        (atMs < span.toMs || span.toMs >= run.simulatedMs),
    )

  /** When the node goes down next, after `atMs`; beyond all time when it does not. */
  page.downAfter = (node, atMs) => {
    const falls = run.spans.filter(
      (span) => span.type === 'down' && span.node === node && span.executor === undefined && span.fromMs >= atMs,
    )
    return Math.min(...falls.map(({ fromMs }) => fromMs), run.simulatedMs)
  }

  page.broken = run.broken
  page.cone = new Map(run.cone)
}
