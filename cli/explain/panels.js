/** What stands beside the drawing: the story, the delivery at the cursor, what every node believed then. */
{
  const page = globalThis.runPage
  const { run, view } = page
  const part = (id) => document.getElementById(id)

  page.panels = () => {
    part('name').textContent = `${run.scenario} · seed ${run.seed}`
    const seconds = (run.simulatedMs / 1_000).toFixed(2)
    part('facts').textContent =
      `${run.nodes.length} nodes · ${page.deliveries.length.toLocaleString('en')} deliveries · ${seconds} s simulated · ${run.command}`
    if (run.broken !== null) {
      part('banner').hidden = false
      part('rule').textContent = run.broken.invariant
      part('broken').textContent = run.broken.text.replace(`${run.broken.invariant}: `, '')
    }
    part('story-title').textContent =
      run.cone.length === 0 ? 'Who led' : `Why: ${run.cone.length} of ${page.deliveries.length} deliveries led to it`
    part('story').replaceChildren(...run.story.map(storyItem))
    part('group').replaceChildren(...run.groups.map((name, at) => option(`group ${name}`, String(at))))
    part('filters').replaceChildren(...filters())
  }

  function storyItem({ atMs, seq, link, text }) {
    const item = document.createElement('li')
    item.className = link
    if (seq > 0) item.dataset.seq = String(seq)
    const time = document.createElement('time')
    time.textContent = `${atMs.toFixed(1)} ms`
    const said = document.createElement('span')
    said.textContent = link === 'fault' ? `⚡ ${text}` : text
    item.append(time, said)
    return item
  }

  function option(text, value) {
    const made = document.createElement('option')
    made.textContent = text
    made.value = value
    return made
  }

  function filters() {
    const nodes = run.nodes.map(({ id }) => box(`node ${id}`, 'node', String(id), undefined))
    const families = page.families.map((family) => box(family, 'family', family, `var(--${family})`))
    return [text('nodes'), ...nodes, text('messages'), ...families]
  }

  function text(words) {
    const made = document.createElement('span')
    made.textContent = words
    return made
  }

  function box(name, what, value, paint) {
    const made = document.createElement('label')
    const input = document.createElement('input')
    input.type = 'checkbox'
    input.checked = true
    input.dataset[what] = value
    made.append(input)
    if (paint !== undefined) {
      const dot = document.createElement('span')
      dot.className = 'dot'
      dot.style.background = paint
      made.append(dot)
    }
    made.append(name)
    return made
  }

  /** Shows the delivery at the cursor. */
  page.showSelected = () => {
    const { selected } = view
    document.documentElement.dataset.selected = String(selected)
    for (const item of part('story').children) item.classList.toggle('here', item.dataset.seq === String(selected))
    part('story').querySelector('.here')?.scrollIntoView({ block: 'nearest' })
    part('details').innerHTML =
      selected === 0 ? '<p class="faint">Click a delivery, or walk with ← and →.</p>' : details(page.delivery(selected))
    part('states').classList.toggle('many', run.nodes.length > 4)
    part('states').innerHTML = states(selected === 0 ? page.deliveries.length : selected)
    status()
  }

  function details(delivery) {
    const { seq, atMs, node, executor, actor, kind, via, sentAtMs, sender, body, lamport, hash, effects, decision } =
      delivery
    const parent = page.delivery(sender)
    const from =
      parent === undefined
        ? via === 'outside'
          ? 'from outside'
          : `by ${via}`
        : `from ${link(parent.seq)} node ${parent.node} ${escaped(parent.actor)}, sent at ${sentAtMs.toFixed(3)} ms, ${(atMs - sentAtMs).toFixed(3)} ms under way`
    const sent = (page.bySender.get(seq) ?? []).map(sentText)
    const mark = page.cone.get(seq)
    return [
      `<h3>${escaped(kind)}</h3>`,
      `<p>#${seq} · ${atMs.toFixed(3)} ms · node ${node} thread ${executor} · <b>${escaped(actor)}</b></p>`,
      `<p class="faint">${from}${delivery.reborn ? ' · first after it lost its memory' : ''}</p>`,
      mark === undefined
        ? ''
        : `<p><b>${mark === 'violation' ? 'Here the rule was broken.' : mark === 'witness' ? 'The other side of it.' : 'It led to the violation.'}</b></p>`,
      decision === undefined ? '' : `<p><b>${escaped(decision.text)}</b></p>${diffTable(decision.diff)}`,
      `<pre>${escaped(JSON.stringify(body, undefined, 1))}</pre>`,
      sent.length === 0 && effects.length === 0
        ? ''
        : `<h2>Effects</h2><p>${[...sent, ...effects.map(escaped)].join('<br>')}</p>`,
      `<p class="faint">lamport ${lamport} · hash ${hash}${delivery.previous === 0 ? '' : ` · before it here: ${link(delivery.previous)}`}</p>`,
    ].join('')
  }

  function sentText({ kind, toNode, toActor, handled, cut }) {
    const where = `node ${toNode} ${escaped(toActor)}`
    const fate =
      handled.length > 0
        ? handled.map(link).join(' ')
        : cut
          ? '<b>lost: the link was cut</b>'
          : '<span class="faint">not handled</span>'
    return `sends ${escaped(kind)} to ${where} → ${fate}`
  }

  function diffTable(diff) {
    if (diff.length === 0) return ''
    const rows = diff.map(
      ([field, was, is]) =>
        `<tr><td>${escaped(field)}</td><td>${escaped(was) || '–'}</td><td><b>${escaped(is) || '–'}</b></td></tr>`,
    )
    return `<table class="diff">${rows.join('')}</table>`
  }

  /** A column a node, a row a field; what the delivery at the cursor changed is marked. */
  function states(seq) {
    const beliefs = page.beliefsAt(seq, view.group)
    if (beliefs.size === 0) return '<p class="faint">No group has opened yet.</p>'
    const atMs = page.delivery(seq)?.atMs ?? run.simulatedMs
    const nodes = run.nodes.map(({ id }) => id).filter((id) => beliefs.has(id))
    const rows = [
      `<tr><th>${escaped(run.groups[view.group] ?? '')}</th>${nodes.map((id) => `<th>node ${id}</th>`).join('')}</tr>`,
    ]
    for (const field of fields) {
      const cells = nodes.map((id) => cell(field, beliefs.get(id), page.isDown(id, atMs), seq))
      rows.push(`<tr><th>${field}</th>${cells.join('')}</tr>`)
    }
    return `<table>${rows.join('')}</table>`
  }

  const fields = ['role', 'term', 'vote', 'leader', 'commit', 'log', 'voters', 'learners', 'granted', 'matched']

  function cell(field, { seq: decidedAt, state, diff }, down, seq) {
    const changed =
      decidedAt === seq && diff.some(([name]) => name === field || (field === 'log' && name.startsWith('last')))
    const shown = state === null ? '' : shownValue(field, state)
    const inside =
      field === 'role'
        ? `<span class="role ${down ? 'down' : escaped(shown)}">${down ? 'down' : escaped(shown) || 'no core'}</span>`
        : escaped(shown)
    return `<td${changed ? ' class="changed"' : ''}>${inside}</td>`
  }

  function shownValue(field, state) {
    switch (field) {
      case 'log':
        return `${state.compacted + 1}..${state.last} (t${state.lastTerm})`
      case 'vote':
      case 'leader':
        return state[field] === 0 ? '–' : String(state[field])
      case 'voters':
        return state.votersOutgoing.length > 0
          ? `${state.voters.join(' ')} ← ${state.votersOutgoing.join(' ')}`
          : state.voters.join(' ')
      case 'learners':
      case 'granted':
      case 'matched':
        return state[field].join(' ') || '–'
      default:
        return String(state[field])
    }
  }

  function status() {
    const here = view.selected === 0 ? '' : ` · at #${view.selected}`
    part('status').textContent =
      `${view.shown.length} of ${page.deliveries.length} deliveries shown${here} · digest ${run.digest} · ? shows the keys`
    document.documentElement.dataset.shown = String(view.shown.length)
  }
  page.status = status

  function link(seq) {
    return `<a data-seq="${seq}">#${seq}</a>`
  }

  function escaped(words) {
    return String(words).replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign])
  }
}
