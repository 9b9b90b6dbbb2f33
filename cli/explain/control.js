/** Keys, wheel, mouse and buttons; and how the page begins: at the violation, with what led to it. */
{
  const page = globalThis.runPage
  const { run, view } = page
  const part = (id) => document.getElementById(id)
  const canvas = part('canvas')

  function changed({ fit = false } = {}) {
    page.refresh()
    if (fit) page.fit()
    press('cone', view.coneOnly)
    press('scale', view.scale === 'steps')
    press('all', view.expanded.size > 0)
    page.showSelected()
    page.paint()
  }

  function press(id, on) {
    part(id).setAttribute('aria-pressed', String(on))
  }

  function select(seq) {
    if (page.delivery(seq) === undefined) return
    view.selected = seq
    // What is not drawn cannot be shown: the filters give way.
    if (!view.order.has(seq)) {
      view.coneOnly = view.coneOnly && view.cone.has(seq)
      if (!view.coneOnly) view.filter = ''
      part('filter').value = view.filter
      changed()
    }
    page.reveal(seq)
    page.showSelected()
    page.paint()
  }
  page.select = select

  function walk(by) {
    const at = view.order.get(view.selected) ?? (by > 0 ? -1 : view.shown.length)
    const next = view.shown[Math.min(view.shown.length - 1, Math.max(0, at + by))]
    if (next !== undefined) select(next.seq)
  }

  function walkActor(by) {
    const here = page.delivery(view.selected)
    if (here === undefined) return
    for (let seq = here.seq + by; seq > 0 && seq <= page.deliveries.length; seq += by) {
      const other = page.delivery(seq)
      if (other.node === here.node && other.actor === here.actor) return select(seq)
    }
  }

  function zoom(factor, x) {
    const [from, to] = page.extent()
    const least = Math.min(1, (page.stageWidth - page.gutter) / (to - from)) * 0.5
    const at = view.left + (x - page.gutter) / view.unit
    view.unit = Math.min(view.scale === 'steps' ? 260 : 20_000, Math.max(least, view.unit * factor))
    view.left = at - (x - page.gutter) / view.unit
    page.paint()
  }

  const actions = {
    cone: () => {
      if (view.cone.size === 0) return
      view.coneOnly = !view.coneOnly
      changed({ fit: true })
      if (!view.coneOnly) closeUp()
    },
    scale: () => {
      view.scale = view.scale === 'steps' ? 'time' : 'steps'
      changed({ fit: true })
    },
    all: () => {
      view.expanded = view.expanded.size > 0 ? new Set() : new Set(view.nodes)
      changed()
    },
    fit: () => {
      page.fit()
      page.paint()
    },
    theme: () => {
      const root = document.documentElement
      root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark'
      page.readColours()
      page.paint()
    },
    help: () => part('keys').showModal(),
    where: () => select(page.broken?.seq || page.deliveries.length),
  }

  /** Around the cursor, wide enough to see what goes on and near enough to read it. */
  function closeUp() {
    view.unit = view.scale === 'steps' ? 26 : view.unit
    if (view.selected !== 0) page.reveal(view.selected)
    page.paint()
  }

  function mark() {
    if (view.selected === 0) return
    view.cone = page.coneFrom([view.selected])
    changed({ fit: view.coneOnly })
  }

  const keys = {
    ArrowRight: (event) => (event.shiftKey ? walkActor(1) : walk(1)),
    ArrowLeft: (event) => (event.shiftKey ? walkActor(-1) : walk(-1)),
    n: () => walk(1),
    p: () => walk(-1),
    '[': () => select(page.delivery(view.selected)?.sender || page.delivery(view.selected)?.previous),
    ']': () => select(page.delivery(view.selected)?.caused[0]),
    v: actions.where,
    c: actions.cone,
    x: mark,
    t: actions.scale,
    e: actions.all,
    d: actions.theme,
    0: actions.fit,
    '+': () => zoom(1.4, page.stageWidth / 2),
    '=': () => zoom(1.4, page.stageWidth / 2),
    '-': () => zoom(1 / 1.4, page.stageWidth / 2),
    '?': actions.help,
    '/': (event) => {
      event.preventDefault()
      part('filter').focus()
    },
  }

  addEventListener('keydown', (event) => {
    if (event.target.matches?.('input[type=search], select') || event.ctrlKey || event.metaKey) {
      if (event.key === 'Escape') canvas.focus()
      return
    }
    const act = keys[event.key]
    if (act === undefined) return
    if (event.key.startsWith('Arrow')) event.preventDefault()
    act(event)
  })

  function listenToButtons() {
    for (const [id, act] of Object.entries(actions)) part(id).addEventListener('click', act)
    part('filter').addEventListener('input', ({ target }) => {
      view.filter = target.value
      changed()
    })
    part('group').addEventListener('change', ({ target }) => {
      view.group = Number(target.value)
      changed()
    })
    part('filters').addEventListener('change', ({ target }) => {
      const { node, family } = target.dataset
      const [set, value] = node === undefined ? [view.families, family] : [view.nodes, Number(node)]
      if (target.checked) set.add(value)
      else set.delete(value)
      changed()
    })
    document.addEventListener('click', ({ target }) => {
      const seq = Number(target.closest?.('[data-seq]')?.dataset.seq ?? 0)
      if (seq > 0) select(seq)
    })
  }

  function listenToCanvas() {
    let drag
    canvas.addEventListener('wheel', (event) => {
      event.preventDefault()
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        view.left += (event.deltaX || event.deltaY) / view.unit
        page.paint()
      } else zoom(event.deltaY < 0 ? 1.18 : 1 / 1.18, event.offsetX)
    })
    canvas.addEventListener('pointerdown', (event) => {
      drag = { x: event.offsetX, y: event.offsetY, left: view.left, top: view.top, moved: false }
      canvas.setPointerCapture(event.pointerId)
    })
    canvas.addEventListener('pointermove', (event) => {
      if (drag === undefined) return hover(event)
      if (Math.abs(event.offsetX - drag.x) + Math.abs(event.offsetY - drag.y) > 4) drag.moved = true
      view.left = drag.left - (event.offsetX - drag.x) / view.unit
      const most = Math.max(0, view.height - page.stageHeight)
      view.top = Math.min(most, Math.max(0, drag.top - (event.offsetY - drag.y)))
      page.paint()
    })
    canvas.addEventListener('pointerup', (event) => {
      const clicked = drag?.moved === false
      drag = undefined
      if (clicked) click(event)
    })
    canvas.addEventListener('pointerleave', () => {
      part('tip').hidden = true
    })
  }

  function click({ offsetX, offsetY }) {
    if (offsetX < page.gutter) {
      const lane = view.lanes.find(({ y, height }) => offsetY + view.top >= y && offsetY + view.top < y + height)
      if (lane?.node === undefined || lane.type === 'actor') return
      if (view.expanded.has(lane.node)) view.expanded.delete(lane.node)
      else view.expanded.add(lane.node)
      return changed()
    }
    const found = nearest(offsetX, offsetY)
    if (found !== undefined) select(found.seq)
  }

  function hover({ offsetX, offsetY }) {
    const tip = part('tip')
    const found = offsetX < page.gutter ? undefined : nearest(offsetX, offsetY)
    tip.hidden = found === undefined
    canvas.style.cursor = found === undefined ? 'grab' : 'pointer'
    if (found === undefined) return
    tip.textContent = `#${found.seq} ${found.atMs.toFixed(3)} ms  node ${found.node} ${found.actor} ◀ ${page.shortKind(found)}${found.decision ? ` ⇒ ${found.decision.label}` : ''}`
    tip.style.left = `${Math.min(offsetX + 14, page.stageWidth - 320)}px`
    tip.style.top = `${offsetY + 14}px`
  }

  function nearest(x, y) {
    let best
    let least = 14 * 14
    for (const delivery of view.shown) {
      const dx = page.deliveryX(delivery) - x
      if (dx * dx > least) continue
      const lane = page.laneOf(delivery.node, delivery.actor)
      if (lane === undefined) continue
      const dy = page.laneY(lane) - y
      if (dx * dx + dy * dy >= least) continue
      least = dx * dx + dy * dy
      best = delivery
    }
    return best
  }

  /** `#seq=120&view=all&theme=dark` in the address: where a link into a run leads. */
  function begin() {
    const asked = new URLSearchParams(location.hash.slice(1))
    const dark = matchMedia('(prefers-color-scheme: dark)').matches
    document.documentElement.dataset.theme = asked.get('theme') ?? (dark ? 'dark' : 'light')
    const told = run.broken?.text ?? ''
    const about = run.groups.findIndex((name) => told.replace(/^\w+: /, '').startsWith(`${name}:`))
    view.group = about >= 0 ? about : Math.max(0, run.groups.indexOf('default'))
    view.coneOnly = view.cone.size > 0 && asked.get('view') !== 'all'
    view.scale = asked.get('scale') ?? (view.coneOnly ? 'steps' : 'time')
    view.filter = asked.get('filter') ?? ''
    if (asked.get('actors') === 'all') view.expanded = new Set(view.nodes)
    page.readColours()
    page.panels()
    part('group').value = String(view.group)
    part('filter').value = view.filter
    page.resize()
    changed({ fit: true })
    const seq = Number(asked.get('seq') ?? page.broken?.seq ?? 0)
    // Whoever asks for a filter and no delivery wants to see what passes it.
    if (seq > 0 && (asked.has('seq') || view.order.has(seq))) {
      if (view.scale === 'steps' && !view.coneOnly) closeUp()
      select(seq)
    }
    page.paintNow()
    for (const key of asked.get('keys') ?? '') dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
    document.documentElement.dataset.ready = 'yes'
  }

  listenToButtons()
  listenToCanvas()
  addEventListener('resize', () => {
    page.resize()
    page.refresh()
    page.paint()
  })
  begin()
}
