// The dashboard of the admin address. It reads the endpoints beside it and shows them; it keeps nothing but the chosen colours.
// Names come from clients and from upstream: they reach the page as text nodes and attribute values only, never as markup.
(() => {
'use strict';

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const REFRESH = 5 * SECOND, TIMEOUT = 10 * SECOND, KEPT = 10000, WATCHED = 1000, OVERSCAN = 8, SERIES = 6;
const RANGES = {
  '15m': { label: '15 min', span: 15 * MINUTE, bucket: 15 * SECOND, per: '15 s' },
  '1h': { label: '1 h', span: HOUR, bucket: MINUTE, per: 'min' },
  '6h': { label: '6 h', span: 6 * HOUR, bucket: 5 * MINUTE, per: '5 min' },
  '24h': { label: '24 h', span: DAY, bucket: 20 * MINUTE, per: '20 min' },
  '7d': { label: '7 d', span: 7 * DAY, bucket: DAY, per: 'day' },
  '30d': { label: '30 d', span: 30 * DAY, bucket: DAY, per: 'day' },
};
const DIMENSIONS = { team: 'Team', model: 'Model', provider: 'Provider' };
const OUTCOMES = {
  answered: 'Answered', refused: 'Refused by the gateway', upstream: "Upstream's errors", gateway: "The gateway's errors",
};
const MODES = { KeepClient: "the client's block wins", Fill: 'fills what the client leaves out', Enforce: 'enforced' };

const $ = id => document.getElementById(id);
const root = document.documentElement;

// Colours: set before the first paint.
const THEMES = ['system', 'light', 'dark'];
let theme = 'system';
try { theme = THEMES.includes(localStorage.getItem('theme')) ? localStorage.getItem('theme') : 'system'; } catch { /* Storage is off. */ }
applyTheme();

function applyTheme() {
  if (theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme;
}

// ---------------------------------------------------------------- Elements

/** Creates an element: attributes by name, `on…` as listeners, children as nodes or text. */
function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function s(tag, attributes, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Brings the children of a node level with a list. Nodes are kept by their key, so focus and selection stay where they are. */
function sync(parent, items, keyOf, create, update) {
  const focused = document.activeElement;
  const known = new Map();
  for (const child of parent.children) known.set(child.syncKey, child);
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let node = known.get(key);
    if (node) known.delete(key);
    else {
      node = create(item);
      node.syncKey = key;
    }
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
    if (update) update(node, item);
  }
  for (const node of known.values()) node.remove();
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

// ---------------------------------------------------------------- Formats

const number = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const two = value => String(value).padStart(2, '0');
const clock = t => { const d = new Date(t); return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`; };
const hour = t => clock(t).slice(0, 5);
const date = t => { const d = new Date(t); return `${MONTHS[d.getUTCMonth()]} ${d.getUTCDate()}`; };
const stamp = t => `${new Date(t).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
const localTime = t => `${local.format(t)}, your time`;
const count = value => number.format(value);
const plural = (value, noun, nouns = `${noun}s`) => `${count(value)} ${value === 1 ? noun : nouns}`;

function compact(value) {
  const size = Math.abs(value);
  for (const [limit, unit] of [[1e9, 'B'], [1e6, 'M'], [1e3, 'k']]) {
    if (size >= limit) return `${trim(value / limit, size >= 100 * limit ? 0 : size >= 10 * limit ? 1 : 2)} ${unit}`;
  }
  return trim(value, size < 10 && value % 1 ? 1 : 0);
}

function trim(value, digits) {
  const text = value.toFixed(digits);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function usd(value) {
  const size = Math.abs(value);
  if (!size) return '$0';
  if (size >= 1000) return `$${number.format(value)}`;
  if (size < 1e-8) return '< $0.00000001';
  const digits = size >= 1 ? 2 : Math.min(8, 2 - Math.floor(Math.log10(size)));
  const [whole, fraction = ''] = trim(value, digits).split('.');
  return `$${whole}.${fraction.padEnd(2, '0')}`;
}

function duration(ms) {
  if (ms === 0) return '0';
  if (ms < 1) return '< 1 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < MINUTE) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
  return `${Math.floor(ms / MINUTE)} min ${Math.round(ms % MINUTE / 1000)} s`;
}

const durationOfAxis = ms => ms >= 1000 && ms < MINUTE ? `${trim(ms / 1000, 2)} s` : duration(ms);

function period(ms) {
  if (ms < MINUTE) return 'less than a minute';
  if (ms < HOUR) return plural(Math.round(ms / MINUTE), 'minute');
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.round(ms % HOUR / MINUTE)} min`;
  const hours = Math.floor(ms % DAY / HOUR);
  return `${plural(Math.floor(ms / DAY), 'day')}${hours > 0 ? ` ${hours} h` : ''}`;
}

const percent = share => share === 0 ? '0 %' : share < .001 ? '< 0.1 %' : `${trim(share * 100, share < .1 ? 1 : 0)} %`;

function timeNode(t, text) {
  return h('time', { datetime: new Date(t).toISOString(), title: localTime(t) }, text || stamp(t));
}

// ---------------------------------------------------------------- State

const state = { view: 'overview', range: '1h', by: 'team', q: '', team: '', model: '', outcome: '', code: '', id: '' };
const DEFAULTS = { ...state };
const VIEWS = ['overview', 'requests', 'teams', 'settings', 'explain'];
const data = { byId: new Map(), rows: [], reads: 0, readAt: 0, filtered: [], isFull: false, incomplete: '', teams: null, health: null, rules: null, metrics: null, usage: null, usageFor: '', faults: {} };
const link = { isPaused: false, isBusy: false, isWanted: false, lastOk: 0, failing: null, ticks: 0, timer: 0 };

function readHash() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const name of Object.keys(DEFAULTS)) state[name] = parameters.get(name) ?? DEFAULTS[name];
  if (!VIEWS.includes(state.view)) state.view = 'overview';
  if (!Object.hasOwn(RANGES, state.range)) state.range = DEFAULTS.range;
  if (!Object.hasOwn(DIMENSIONS, state.by)) state.by = DEFAULTS.by;
}

/** Changes the state and the address, which can be shared as a link. */
function go(changes, isStep) {
  Object.assign(state, changes);
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) if (value !== DEFAULTS[name]) parameters.set(name, value);
  const hash = `#${parameters}`;
  if (isStep) history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
  show();
}

// ---------------------------------------------------------------- Requests to the gateway

class Refusal extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

async function ask(path, options) {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT), ...options });
  if (response.ok) return response;
  let message = `HTTP ${response.status}`;
  try { message = (await response.json()).error.message || message; } catch { /* Not an error of the gateway. */ }
  throw new Refusal(response.status, message);
}

const askJson = async (path, options) => (await ask(path, options)).json();

function prepare(row) {
  row.label = row.key;
  row.key = row.request_id || row.generation_id || `${row.time} ${row.model} ${row.team}`;
  row.t = Date.parse(row.time);
  row.ending = (row.end || '').replaceAll('_', '').toLowerCase();
  row.isBilled = row.state === 'settled' || row.state === 'written_off';
  row.isWaiting = row.state === 'reserved' || row.state === 'provisional';
  row.cost = row.cost_usd === undefined || row.cost_usd === null ? null : Number(row.cost_usd);
  row.outcome = outcomeOf(row);
  row.problem = row.outcome === 'answered' || row.outcome === 'open' ? '' : row.code || (row.status >= 400 ? `HTTP ${row.status} from upstream` : row.end || 'unknown');
  row.shown = row.answered_model || row.sent_model || row.model || '';
  row.hay = [row.request_id, row.generation_id, row.model, row.sent_model, row.answered_model, row.team, row.label, row.provider, row.rule, row.code, row.path, row.status, row.destination, row.end]
    .filter(value => value !== undefined && value !== null).join('\n').toLowerCase();
  return row;
}

/** Who is at fault: upstream, the gateway, or the request itself. */
function outcomeOf(row) {
  const code = row.code || '';
  if (/^upstream(unreachable|timedout|broke)$/.test(row.ending) || code.startsWith('upstream_') || code === 'catalogue_unreadable') return 'upstream';
  if (row.ending === 'failed' || row.ending === 'shutdown' || code === 'internal_error' || code === 'gateway_stopping' || code === 'server_busy' || code.endsWith('_unavailable')) return 'gateway';
  if (code) return 'refused';
  // The status of a client that left is the proxy's, not upstream's.
  if (row.ending === 'clientleft') return 'answered';
  if (row.status >= 400) return 'upstream';
  return row.status === undefined && !row.ending && row.state === 'reserved' ? 'open' : 'answered';
}

/**
 * Since when requests are read again; null for all of them. The gateway selects them by their arrival, and they end and are billed later: a
 * refresh reaches back to the oldest call that waits for its end or its bill. If that is far back, only some refreshes do.
 */
function readFrom() {
  if (data.rows.length === 0 || data.reads % 60 === 0 || Date.now() - data.readAt > MINUTE) return null;
  const isFar = data.reads % 12 === 0;
  const oldest = data.rows.slice(0, isFar ? KEPT : WATCHED).findLast(row => row.isWaiting) ?? data.rows[0];
  return oldest.t - (isFar ? 30 : 2) * MINUTE;
}

async function loadRequests() {
  const from = readFrom();
  const answer = await askJson(`admin/requests?limit=${KEPT}${from === null ? '' : `&since=${encodeURIComponent(new Date(from).toISOString())}`}`);
  // A call can end under another id than the one it had in flight: upstream's.
  if (from === null && !answer.incomplete) {
    for (const row of data.rows) if (row.outcome === 'open') data.byId.delete(row.key);
  }
  for (const row of answer.requests) {
    prepare(row);
    data.byId.set(row.key, row);
  }
  data.rows = [...data.byId.values()].sort((a, b) => b.t - a.t);
  if (data.rows.length > KEPT) {
    for (const row of data.rows.splice(KEPT)) data.byId.delete(row.key);
  }
  data.isFull = data.rows.length >= KEPT;
  data.incomplete = answer.incomplete || '';
  data.reads++;
  data.readAt = Date.now();
}

const isDays = () => RANGES[state.range].bucket === DAY;

async function loadUsage() {
  if (!isDays()) return;
  const wanted = `${state.range} ${state.by}`;
  if (data.usageFor === wanted && link.ticks % 6 !== 0) return;
  const from = startOf(RANGES[state.range]);
  const answer = await askJson(`admin/usage?group=day,${state.by}&from=${new Date(from).toISOString().slice(0, 10)}`);
  if (wanted !== `${state.range} ${state.by}`) return;
  data.usage = answer.rows;
  data.usageFor = wanted;
}

async function loadMetrics() {
  const metrics = new Map();
  for (const line of (await (await ask('metrics')).text()).split('\n')) {
    const match = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, name, value] of (match[2] || '').matchAll(/(\w+)="((?:\\.|[^"\\])*)"/g)) labels[name] = value.replace(/\\(.)/g, (_, c) => c === 'n' ? '\n' : c);
    if (!metrics.has(match[1])) metrics.set(match[1], []);
    metrics.get(match[1]).push({ labels, value: Number(match[3]) });
  }
  data.metrics = metrics;
}

const metric = name => data.metrics?.get(name)?.reduce((sum, one) => sum + one.value, 0);
const raised = (name, label) => (data.metrics?.get(name) || []).filter(one => one.value > 0).map(one => one.labels[label]);

async function loadSettings() {
  const before = data.health?.version;
  data.health = await askJson('admin/health');
  if (!data.rules || data.health.version !== before) data.rules = await askJson('admin/rules');
}

async function refresh() {
  clearTimeout(link.timer);
  link.isWanted = link.isBusy;
  if (link.isBusy) return;
  link.isBusy = true;
  const sources = {
    requests: loadRequests(), teams: askJson('admin/teams').then(answer => { data.teams = answer.teams; }),
    settings: loadSettings(), metrics: loadMetrics(), usage: loadUsage(),
  };
  let failing = null;
  await Promise.all(Object.entries(sources).map(async ([name, source]) => {
    try {
      await source;
      delete data.faults[name];
    } catch (fault) {
      data.faults[name] = fault.message;
      if (!(fault instanceof Refusal)) failing = { text: 'The gateway cannot be reached.' };
      else if (fault.status === 401 || fault.status === 403) failing ??= { text: `The gateway refuses this page: ${fault.message}` };
    }
  }));
  link.isBusy = false;
  link.ticks++;
  if (failing) link.failing = { ...failing, since: link.failing?.since ?? Date.now() };
  else {
    link.failing = null;
    link.lastOk = Date.now();
  }
  show();
  if (link.isWanted && !document.hidden && !link.isPaused) refresh();
  else plan();
}

/** Plans the next refresh: only while the page can be seen. */
function plan() {
  clearTimeout(link.timer);
  if (!document.hidden && !link.isPaused) link.timer = setTimeout(refresh, REFRESH);
}

// ---------------------------------------------------------------- Charts

const startOf = range => {
  const end = Math.ceil((Date.now() + 1) / range.bucket) * range.bucket;
  return end - Math.ceil(range.span / range.bucket) * range.bucket;
};

function niceStep(max, lines, isCount) {
  const rough = max / lines;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find(factor => factor * power >= rough * .999) * power;
  return isCount ? Math.max(1, Math.ceil(step)) : step;
}

/** A chart over time. Its axis of values starts at zero; its last bucket, which is not over, is paler. */
class Chart {
  constructor(panel, format, isCount) {
    this.format = format;
    this.isCount = isCount;
    this.index = -1;
    this.node = h('div', { class: 'chart', tabindex: '0', role: 'group', 'aria-roledescription': 'chart' });
    panel.append(this.node);
    this.node.addEventListener('pointermove', event => this.point(event));
    this.node.addEventListener('pointerleave', () => this.choose(-1));
    this.node.addEventListener('blur', () => this.choose(-1));
    this.node.addEventListener('keydown', event => this.press(event));
    new ResizeObserver(() => this.model && this.draw()).observe(this.node);
  }

  /** @param model {start, bucket, times, series: [{name, tone, values, isLine}], empty, unknownBefore, title} */
  show(model) {
    this.model = model;
    this.draw();
  }

  draw() {
    const { model } = this;
    const width = this.node.clientWidth, height = this.node.clientHeight;
    if (width === 0) return;
    const n = model.times.length;
    const isLine = model.series.some(one => one.isLine);
    let max = 0;
    for (let i = 0; i < n; i++) {
      const values = model.series.map(one => one.values[i] || 0);
      max = Math.max(max, isLine ? Math.max(0, ...values) : values.reduce((a, b) => a + b, 0));
    }
    const isEmpty = model.empty !== null || max === 0;
    const step = niceStep(max || 1, 4, this.isCount);
    const top = Math.max(step, Math.ceil((max || 1) / step - 1e-9) * step);
    const labels = [];
    for (let value = 0; value <= top * 1.0001; value += step) labels.push(value);
    const texts = labels.map(this.format);
    const left = isEmpty ? 0 : Math.max(...texts.map(text => text.length)) * 6.3 + 10;
    const right = 6, above = 8, below = 22;
    const plot = { x: left, y: above, width: width - left - right, height: height - above - below };
    const x = i => plot.x + plot.width * i / n;
    const y = value => plot.y + plot.height * (1 - value / top);
    this.plot = plot;

    const svg = s('svg', { viewBox: `0 0 ${width} ${height}`, height, 'aria-hidden': 'true' });
    if (model.unknownBefore > model.start) {
      const share = Math.min(1, (model.unknownBefore - model.start) / (n * model.bucket));
      svg.append(
        s('defs', null, s('pattern', { id: 'hatch', width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, s('line', { class: 'hatch', x1: 0, y1: 0, x2: 0, y2: 6 }))),
        s('rect', { class: 'unknown', x: plot.x, y: plot.y, width: plot.width * share, height: plot.height }));
    }
    if (!isEmpty) {
      labels.forEach((value, i) => {
        if (i > 0) svg.append(s('line', { class: 'gridline', x1: plot.x, x2: plot.x + plot.width, y1: y(value), y2: y(value) }));
        svg.append(s('text', { x: left - 8, y: y(value) + 4, 'text-anchor': 'end' }, texts[i]));
      });
    }
    this.cursor = s('rect', { class: 'band', y: plot.y, height: plot.height, width: Math.max(1, plot.width / n), visibility: 'hidden' });
    svg.append(this.cursor);
    if (!isEmpty) {
      if (isLine) this.drawLines(svg, x, y, n);
      else this.drawStacks(svg, x, y, n, plot);
    }
    svg.append(s('line', { class: 'baseline', x1: plot.x, x2: plot.x + plot.width, y1: y(0), y2: y(0) }));
    for (const [t, text] of this.timeLabels(plot.width)) {
      const at = plot.x + plot.width * (t - model.start) / (n * model.bucket);
      if (at >= plot.x + 14 && at <= plot.x + plot.width - 14) svg.append(s('text', { x: at, y: height - 6, 'text-anchor': 'middle' }, text));
    }
    this.node.replaceChildren(svg);
    if (isEmpty) this.node.append(h('p', { class: 'empty' }, model.empty || model.none));
    this.node.setAttribute('aria-label', `${model.title}. ${isEmpty ? model.empty || model.none : `${model.summary} Arrow keys read single values.`}`);
    this.mark();
  }

  drawStacks(svg, x, y, n, plot) {
    const { model } = this;
    const gap = plot.width / n > 5 ? Math.min(6, plot.width / n * .18) : 0;
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (const one of model.series) {
        const value = one.values[i] || 0;
        if (value === 0) continue;
        const from = y(sum);
        sum += value;
        svg.append(s('rect', {
          class: `f-${one.tone}${i === n - 1 ? ' partial' : ''}`, x: (x(i) + gap / 2).toFixed(2), y: y(sum).toFixed(2),
          width: Math.max(.6, x(i + 1) - x(i) - gap).toFixed(2), height: Math.max(.5, from - y(sum)).toFixed(2),
        }));
      }
    }
  }

  drawLines(svg, x, y, n) {
    for (const one of this.model.series) {
      let path = '';
      for (let i = 0; i < n; i++) {
        const value = one.values[i];
        if (value === null || value === undefined) continue;
        const isFirst = i === 0 || one.values[i - 1] === null || one.values[i - 1] === undefined;
        const isLast = i === n - 1 || one.values[i + 1] === null || one.values[i + 1] === undefined;
        path += `${isFirst ? 'M' : 'L'}${x(i + .5).toFixed(1)} ${y(value).toFixed(1)}`;
        if (isFirst && isLast) svg.append(s('circle', { class: `d-${one.tone}`, cx: x(i + .5), cy: y(value), r: 2.5 }));
      }
      svg.append(s('path', { class: `trace t-${one.tone}${one.isDashed ? ' dashed' : ''}`, d: path || 'M0 0' }));
    }
  }

  /** The labels of the axis of time: whole minutes, hours or days of UTC, as many as have room. */
  timeLabels(width) {
    const { start, bucket, times } = this.model;
    const end = start + times.length * bucket;
    if (bucket === DAY) {
      const every = Math.ceil(times.length / Math.max(1, width / 60));
      return times.filter((_, i) => (times.length - 1 - i) % every === 0).map(t => [t + DAY / 2, date(t)]);
    }
    const steps = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR];
    const step = steps.find(one => (end - start) / one <= width / 70) || DAY;
    const labels = [];
    for (let t = Math.ceil(start / step) * step; t < end; t += step) labels.push([t, t % DAY === 0 ? date(t) : hour(t)]);
    return labels;
  }

  point(event) {
    if (!this.plot) return;
    const x = event.clientX - this.node.getBoundingClientRect().left - this.plot.x;
    const i = Math.floor(x / this.plot.width * this.model.times.length);
    this.choose(i >= 0 && i < this.model.times.length ? i : -1);
  }

  press(event) {
    const n = this.model?.times.length || 0;
    const moves = { ArrowLeft: this.index < 0 ? n - 1 : this.index - 1, ArrowRight: this.index < 0 ? 0 : this.index + 1, Home: 0, End: n - 1 };
    if (event.key === 'Escape') this.choose(-1);
    else if (Object.hasOwn(moves, event.key)) {
      event.preventDefault();
      this.choose(Math.max(0, Math.min(n - 1, moves[event.key])));
    }
  }

  choose(index) {
    this.index = index;
    this.mark();
  }

  mark() {
    const tip = $('tip');
    const { model, plot, index } = this;
    if (index < 0 || index >= model.times.length || model.empty !== null) {
      if (tip.owner === this) tip.hidden = true;
      this.cursor?.setAttribute('visibility', 'hidden');
      return;
    }
    const at = plot.x + plot.width * index / model.times.length;
    setAttribute(this.cursor, 'x', at);
    setAttribute(this.cursor, 'visibility', 'visible');
    const t = model.times[index];
    const isUnknown = t + model.bucket <= model.unknownBefore;
    tip.owner = this;
    tip.replaceChildren(
      h('p', null, model.bucket === DAY ? `${date(t)}, UTC` : `${date(t)}, ${clock(t)} UTC`, index === model.times.length - 1 ? ', so far' : '',
        model.bucket === DAY ? '' : ` (${local.format(t).split(', ').pop()} here)`),
      h('ul', null, isUnknown ? h('li', null, 'No longer kept') : [...model.series].reverse().filter(one => one.values[index] || one.isLine).map(one =>
        h('li', null, h('i', { class: `key f-${one.tone}` }), h('span', null, one.name), h('b', null, one.values[index] === null ? 'none' : this.format(one.values[index]))))),
      model.note ? h('p', null, model.note(index)) : '');
    tip.hidden = false;
    const box = this.node.getBoundingClientRect();
    const center = box.left + at + plot.width / model.times.length / 2;
    const wide = tip.offsetWidth;
    tip.style.left = `${Math.max(8, Math.min(innerWidth - wide - 8, center + 14 + wide > innerWidth ? center - wide - 14 : center + 14))}px`;
    tip.style.top = `${Math.max(8, Math.min(innerHeight - tip.offsetHeight - 8, box.top + 6))}px`;
  }
}

// ---------------------------------------------------------------- Overview

const panels = {};

function panel(id) {
  const article = $(`panel-${id}`);
  const head = h('div', { class: 'panel-head' }, article.querySelector('h2'), h('span', { class: 'note' }));
  article.prepend(head);
  return panels[id] = { article, note: head.lastChild, body: null, add(node) { article.append(node); return node; } };
}

const slots = { team: new Map(), model: new Map(), provider: new Map() };

/** The names that have a series of their own: those with the largest share of cost and tokens. A name keeps its colour. */
function leading(totals) {
  const cost = totals.reduce((sum, one) => sum + one.cost, 0) || 1;
  const tokens = totals.reduce((sum, one) => sum + one.tokens, 0) || 1;
  const top = totals.filter(one => one.cost || one.tokens).sort((a, b) => b.cost / cost + b.tokens / tokens - a.cost / cost - a.tokens / tokens).slice(0, SERIES);
  const names = new Set(top.map(one => one.name));
  const known = slots[state.by];
  for (const name of known.keys()) if (!names.has(name)) known.delete(name);
  const free = Array.from({ length: SERIES }, (_, i) => i).filter(i => ![...known.values()].includes(i));
  for (const one of top) if (!known.has(one.name)) known.set(one.name, free.shift());
  return known;
}

const nameOf = (row, by) => (by === 'model' ? row.shown : row[by]) || '(none)';

/** Cost and tokens in buckets, by the chosen dimension: of the kept requests, or of the ledger's days. */
function sums(range, start, times) {
  const all = new Map();
  let unbilled = 0;
  const add = (name, i, cost, tokens, calls) => {
    if (i < 0 || i >= times.length) return;
    let one = all.get(name);
    if (!one) all.set(name, one = { name, cost: 0, tokens: 0, calls: 0, costs: new Array(times.length).fill(0), counts: new Array(times.length).fill(0) });
    one.cost += cost;
    one.tokens += tokens;
    one.calls += calls;
    one.costs[i] += cost;
    one.counts[i] += tokens;
  };
  if (isDays()) {
    for (const row of data.usageFor === `${state.range} ${state.by}` ? data.usage : []) {
      add(row[state.by] || '(none)', Math.floor((Date.parse(row.day) - start) / DAY), Number(row.cost_usd), row.prompt_tokens + row.completion_tokens, row.requests);
      unbilled += row.unresolved;
    }
  } else {
    for (const row of data.rows) {
      if (row.t < start) break;
      const tokens = (row.prompt_tokens || 0) + (row.completion_tokens || 0);
      if (row.state === 'reserved' || row.state === 'provisional') unbilled++;
      if (row.cost !== null || tokens > 0) add(nameOf(row, state.by), Math.floor((row.t - start) / range.bucket), row.cost || 0, tokens, 1);
    }
  }
  return { totals: [...all.values()], unbilled };
}

function stacked(totals, tones, member, length) {
  const rest = { name: 'others', tone: 's6', values: new Array(length).fill(0), total: 0 };
  const series = [];
  for (const one of totals) {
    const values = member === 'cost' ? one.costs : one.counts;
    if (tones.has(one.name)) series.push({ name: one.name, tone: `s${tones.get(one.name)}`, values, total: one[member] });
    else {
      values.forEach((value, i) => { rest.values[i] += value; });
      rest.total += one[member];
    }
  }
  series.sort((a, b) => b.total - a.total);
  if (rest.total > 0) series.push(rest);
  return series;
}

function showRanks(list, series, total, format) {
  const shown = series.filter(one => one.total > 0);
  list.hidden = shown.length === 0;
  sync(list, shown, one => one.name,
    () => h('li', null, h('i', { class: 'key' }), h('button', { class: 'link', type: 'button' }), h('b'), h('span', { class: 'share' })),
    (node, one) => {
      const [key, button, value, share] = node.children;
      setAttribute(key, 'class', `key f-${one.tone}`);
      setText(button, one.name);
      const isFilter = one.name !== 'others' && one.name !== '(none)' && state.by !== 'provider';
      button.disabled = !isFilter && state.by !== 'provider';
      button.title = one.name === 'others' ? '' : `Show the latest requests of ${one.name}`;
      button.onclick = () => openRequests(state.by === 'provider' ? { q: one.name } : { [state.by]: one.name });
      setText(value, format(one.total));
      setText(share, percent(total ? one.total / total : 0));
    });
}

const openRequests = filter => go({ ...DEFAULTS, range: state.range, by: state.by, view: 'requests', ...filter }, true);

function percentile(sorted, share) {
  return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
}

function showOverview() {
  const range = RANGES[state.range];
  const start = startOf(range);
  const times = Array.from({ length: Math.ceil(range.span / range.bucket) }, (_, i) => start + i * range.bucket);
  const unknownBefore = data.isFull ? data.rows[data.rows.length - 1].t : 0;
  const rows = [];
  for (const row of data.rows) {
    if (row.t < start) break;
    if (row.outcome !== 'open') rows.push(row);
  }
  const base = { start, bucket: range.bucket, times, unknownBefore: isDays() ? 0 : unknownBefore, empty: null };
  const { totals, unbilled } = sums(range, start, times);
  const cost = totals.reduce((sum, one) => sum + one.cost, 0);
  const tokens = totals.reduce((sum, one) => sum + one.tokens, 0);
  const failed = rows.filter(row => row.outcome !== 'answered').length;
  const first = rows.filter(row => row.stream && row.first_token_ms !== undefined && row.first_token_ms !== null).map(row => row.first_token_ms).sort((a, b) => a - b);

  showTiles(range, start, rows, failed, cost, tokens, unbilled, first, totals);
  showTraffic(range, base, rows, totals);
  showErrors(rows, failed);

  const tones = leading(totals);
  const isUnmetered = data.teams?.length === 0;
  const none = isUnmetered ? 'Cost and tokens are metered for teams. No team is configured.'
    : data.faults.usage && isDays() ? data.faults.usage : 'No metered calls in this time.';
  for (const [id, member, unit, format, total] of [['cost', 'cost', 'USD', usd, cost], ['tokens', 'tokens', 'Tokens', compact, tokens]]) {
    const series = stacked(totals, tones, member, times.length);
    setText(panels[id].note, `${unit} per ${range.per}, by ${state.by}, UTC`);
    showRanks(panels[id].ranks, series, total, format);
    panels[id].chart.show({
      ...base, series, none, title: `${unit} per ${range.per} by ${state.by}`,
      summary: `${format(total)} in total; most by ${series[0]?.name ?? 'nobody'}.`,
    });
  }
  showLatency(range, base, rows, first);
  showBudgets();
  const kept = data.rows.length;
  setText($('coverage'), isDays() ? 'Cost and tokens from the ledger; errors and latency of the latest requests only.'
    : unknownBefore > start ? `The last ${count(kept)} requests reach back to ${hour(unknownBefore)} UTC; hatched: no longer kept.` : '');
}

function showTiles(range, start, rows, failed, cost, tokens, unbilled, first, totals) {
  const minutes = Math.max(1, (Date.now() - Math.max(start, rows.length ? rows[rows.length - 1].t : start)) / MINUTE);
  const calls = isDays() ? totals.reduce((sum, one) => sum + one.calls, 0) : rows.length;
  const inFlight = metric('gateway_requests_in_flight');
  const open = metric('gateway_connections_open');
  const since = isDays() ? `since ${date(start)}` : `since ${hour(start)} UTC`;
  const tiles = [
    ['Requests', count(calls), isDays() ? `metered calls ${since}` : `${trim(calls / minutes, 1)} a minute`],
    ['Errors', rows.length === 0 ? '–' : percent(failed / rows.length), rows.length === 0 ? 'no requests' : `${count(failed)} of ${isDays() ? 'the latest ' : ''}${plural(rows.length, 'request')}`, failed > 0 && failed / rows.length >= .05 ? 'bad' : null],
    ['Cost', usd(cost), unbilled > 0 ? `${plural(unbilled, 'call')} not billed yet` : since],
    ['Tokens', compact(tokens), since],
    ['First token, p50', first.length === 0 ? '–' : duration(percentile(first, .5)), first.length === 0 ? 'no streams' : `p95 ${duration(percentile(first, .95))}`],
    ['In flight', inFlight === undefined ? '–' : count(inFlight), open === undefined ? '' : `${plural(open, 'open connection')}`],
  ];
  sync($('tiles'), tiles, tile => tile[0], tile => h('div', null, h('dt', null, tile[0]), h('dd'), h('dd')), (node, [, value, more, tone]) => {
    setText(node.children[1], value);
    setAttribute(node.children[1], 'data-tone', tone);
    setText(node.children[2], more);
    node.children[2].title = more;
  });
}

function showTraffic(range, base, rows, totals) {
  const { times, start } = base;
  const series = Object.entries(OUTCOMES).map(([tone, name]) => ({ name, tone, values: new Array(times.length).fill(0), total: 0 }));
  if (isDays()) {
    series.length = 1;
    series[0].name = 'Metered calls';
    for (const row of data.usageFor === `${state.range} ${state.by}` ? data.usage : []) {
      const i = Math.floor((Date.parse(row.day) - start) / DAY);
      if (i >= 0 && i < times.length) series[0].values[i] += row.requests;
      series[0].total += row.requests;
    }
  } else {
    const at = new Map(series.map(one => [one.tone, one]));
    for (const row of rows) {
      const one = at.get(row.outcome);
      const i = Math.floor((row.t - start) / range.bucket);
      if (i < times.length) one.values[i]++;
      one.total++;
    }
  }
  panels.traffic.chart.show({
    ...base, series, none: `No requests in the last ${range.label}.`, title: `Requests per ${range.per}`,
    summary: `${series.map(one => `${one.name}: ${count(one.total)}`).join(', ')}.`,
  });
  setText(panels.traffic.note, isDays() ? 'Metered calls per day, UTC' : `Requests per ${range.per}, UTC`);
  sync(panels.traffic.legend, series, one => one.tone, () => h('li', null, h('i', { class: 'key' }), h('button', { class: 'link', type: 'button' }), h('b')), (node, one) => {
    setAttribute(node.children[0], 'class', `key f-${one.tone}`);
    setText(node.children[1], one.name);
    node.children[1].title = 'Show these requests';
    node.children[1].onclick = () => openRequests({ outcome: isDays() ? '' : one.tone });
    setText(node.children[2], count(one.total));
  });
}

function showErrors(rows, failed) {
  const groups = new Map();
  for (const row of rows) {
    if (!row.problem) continue;
    const one = groups.get(row.problem) || { name: row.problem, tone: row.outcome, total: 0 };
    one.total++;
    groups.set(row.problem, one);
  }
  const all = [...groups.values()].sort((a, b) => b.total - a.total || (a.name < b.name ? -1 : 1));
  const shown = all.slice(0, 8);
  const max = shown[0]?.total || 1;
  setText(panels.errors.note, failed === 0 ? '' : `${count(failed)} of ${plural(rows.length, 'request')}`);
  panels.errors.empty.hidden = shown.length > 0;
  setText(panels.errors.empty, rows.length === 0 ? 'No requests in this time.' : 'No errors in this time.');
  sync(panels.errors.list, shown, one => one.name,
    () => h('li', null, h('div', { class: 'line' }, h('button', { class: 'link', type: 'button' }), h('b')), h('div', { class: 'track' }, h('i'))),
    (node, one) => {
      const [button, value] = node.firstChild.children;
      setText(button, one.name);
      button.title = `${OUTCOMES[one.tone]}: show these requests`;
      button.onclick = () => openRequests({ code: one.name });
      setText(value, count(one.total));
      const bar = node.lastChild.firstChild;
      setAttribute(bar, 'class', `f-${one.tone}`);
      bar.style.width = `${one.total / max * 100}%`;
    });
  panels.errors.more.hidden = all.length <= shown.length;
  setText(panels.errors.more, `and ${plural(all.length - shown.length, 'more code')}`);
}

function showLatency(range, base, rows, first) {
  const samples = base.times.map(() => []);
  if (!isDays()) {
    for (const row of rows) {
      const i = Math.floor((row.t - base.start) / range.bucket);
      if (row.stream && row.first_token_ms !== undefined && row.first_token_ms !== null && i < samples.length) samples[i].push(row.first_token_ms);
    }
    for (const one of samples) one.sort((a, b) => a - b);
  }
  const series = [
    { name: 'p50', tone: 's0', isLine: true, values: samples.map(one => percentile(one, .5)) },
    { name: 'p95', tone: 's1', isLine: true, isDashed: true, values: samples.map(one => percentile(one, .95)) },
  ];
  panels.latency.chart.show({
    ...base, series, none: 'No streamed responses in this time.',
    empty: isDays() ? 'Latency is known for the latest requests only. Choose 24 h or less.' : null,
    title: `Time to first token per ${range.per}`,
    summary: first.length > 0 ? `p50 ${duration(percentile(first, .5))}, p95 ${duration(percentile(first, .95))}.` : '',
    note: i => plural(samples[i].length, 'streamed response'),
  });
  setText(panels.latency.note, isDays() ? '' : `Streamed responses, per ${range.per}, UTC`);
  panels.latency.legend.hidden = isDays() || first.length === 0;
  sync(panels.latency.legend, series, one => one.name, () => h('li', null, h('i', { class: 'key dash' }), h('span'), h('b')), (node, one) => {
    setAttribute(node.children[0], 'class', `key dash f-${one.tone}`);
    setText(node.children[1], one.name);
    setText(node.children[2], first.length > 0 ? duration(percentile(first, one.name === 'p50' ? .5 : .95)) : '');
  });
}

// ---------------------------------------------------------------- Budgets and teams

const LENGTHS = { day: DAY, week: 7 * DAY };

/** The budgets of a team, and those that its keys have of their own. */
const budgetsOf = team => [
  ...(team.budgets || []).map(budget => budgetOf(team.id, budget)),
  ...(team.keys || []).flatMap(key => (key.budgets || []).map(budget => budgetOf(`${team.id} / ${key.label}`, budget))),
];

function budgetOf(team, budget) {
  // While the store of budgets fails, only the limit is known.
  const isKnown = budget.spent_usd !== undefined;
  const limit = Number(budget.limit_usd), spent = Number(budget.spent_usd ?? 0), reserved = Number(budget.reserved_usd ?? 0), left = Number(budget.left_usd ?? 0);
  const used = !isKnown ? 0 : limit > 0 ? (spent + reserved) / limit : 1;
  const end = budget.resets_at ? Date.parse(budget.resets_at) : null;
  const name = String(budget.period).toLowerCase();
  let pace = null;
  if (end) {
    const d = new Date(end);
    const begin = LENGTHS[name] ? end - LENGTHS[name] : Date.UTC(d.getUTCFullYear(), d.getUTCMonth() - 1, d.getUTCDate());
    pace = Math.max(0, Math.min(1, (Date.now() - begin) / (end - begin)));
  }
  return { team, name, isKnown, limit, spent, reserved, left, used, end, pace, whenExceeded: budget.when_exceeded, key: `${team} ${name}` };
}

const toneOf = used => used >= 1 ? 'bad' : used >= .8 ? 'warn' : 'good';

function budgetNode() {
  return h('div', { class: 'budget' },
    h('div', { class: 'line' }, h('strong'), h('span', { class: 'note' })),
    h('div', { class: 'meter', role: 'meter', 'aria-valuemin': 0 }, h('i', { class: 'spent' }), h('i', { class: 'reserved' }), h('i', { class: 'pace' })),
    h('div', { class: 'figures' }, h('span'), h('span'), h('span'), h('span')));
}

function updateBudget(node, one, isNamed) {
  const [line, meter, figures] = node.children;
  const tone = toneOf(one.used);
  const of = `${usd(one.limit)} ${one.name === 'total' ? 'in total' : `a ${one.name}`}`;
  setText(line.children[0], isNamed ? one.team : of);
  if (one.end) {
    line.children[1].replaceChildren(isNamed ? `${of}, ` : '', 'resets in ', timeNode(one.end, period(one.end - Date.now())));
  } else setText(line.children[1], isNamed ? of : '');
  setAttribute(meter, 'data-tone', tone);
  setAttribute(meter, 'aria-label', `Budget of ${one.team} a ${one.name}`);
  setAttribute(meter, 'aria-valuemax', one.limit);
  setAttribute(meter, 'aria-valuenow', Math.min(one.limit, one.spent + one.reserved));
  setAttribute(meter, 'aria-valuetext', !one.isKnown ? 'unknown' : `${usd(one.spent)} spent, ${usd(one.reserved)} reserved, ${usd(one.left)} left of ${of}`);
  const spent = Math.min(1, one.limit > 0 ? one.spent / one.limit : 1);
  meter.children[0].style.width = `${spent * 100}%`;
  meter.children[1].style.left = `${spent * 100}%`;
  meter.children[1].style.width = `${Math.max(0, Math.min(1, one.used) - spent) * 100}%`;
  meter.children[2].hidden = one.pace === null;
  if (one.pace !== null) meter.children[2].style.left = `calc(${one.pace * 100}% - 1px)`;
  meter.title = one.pace === null ? '' : `The mark stands at ${percent(one.pace)}: as much of the period is over.`;
  const [a, b, c, d] = figures.children;
  for (const figure of [b, c, d]) figure.hidden = !one.isKnown;
  if (!one.isKnown) {
    put(a, 'unknown:', 'the store of budgets fails');
    return;
  }
  put(a, usd(one.spent), 'spent');
  put(b, usd(one.reserved), 'reserved');
  put(c, usd(one.left), 'left');
  put(d, percent(one.used), 'used');
  setAttribute(c, 'class', tone === 'bad' ? 'over' : tone === 'warn' ? 'near' : null);
}

function put(node, value, noun) {
  if (node.childNodes.length === 0) node.append(h('b'), document.createTextNode(''));
  setText(node.firstChild, value);
  if (node.lastChild.data !== ` ${noun}`) node.lastChild.data = ` ${noun}`;
}

function showBudgets() {
  const all = (data.teams || []).flatMap(budgetsOf).sort((a, b) => b.used - a.used || (a.key < b.key ? -1 : 1));
  const shown = all.slice(0, 5);
  setText(panels.budgets.note, all.length > 0 ? 'Most used first; the mark shows how much of the period is over' : '');
  sync(panels.budgets.list, shown, one => one.key, budgetNode, (node, one) => updateBudget(node, one, true));
  panels.budgets.empty.hidden = shown.length > 0;
  setText(panels.budgets.empty, data.teams === null ? data.faults.teams || 'Loading' : data.teams.length === 0
    ? 'No teams are configured: callers send OpenRouter keys of their own, and nothing is metered.' : 'No team and no key has a budget.');
  panels.budgets.more.hidden = all.length <= shown.length;
  setText(panels.budgets.more, `Show all ${count(all.length)} budgets`);
}

const LIMITS = { requests_per_minute: 'requests a minute', tokens_per_minute: 'tokens a minute', concurrent_requests: 'requests at a time' };

function limitText(limits) {
  const parts = Object.entries(limits || {}).filter(([, value]) => value !== null).map(([name, value]) => {
    const noun = LIMITS[name] || name.replaceAll('_', ' ');
    return value !== null && typeof value === 'object' ? `${value.remaining === undefined ? '?' : count(value.remaining)} of ${count(value.limit)} ${noun} left` : `${count(Number(value))} ${noun}`;
  });
  return parts.length > 0 ? parts.join(', ') : 'none';
}

function showTeams() {
  const teams = data.teams || [];
  const items = teams.length > 0 ? teams : [{ id: '', isNone: true }];
  sync($('teams'), items, team => team.isNone ? '(none)' : `team ${team.id}`, team => team.isNone
    ? h('article', { class: 'panel empty-all' }, h('p', { class: 'empty' }))
    : h('article', { class: 'panel' }, h('h2'), h('div'), h('h3', null, 'Limits'), h('p'), h('h3', null, 'Keys'), h('ul', { class: 'keys' }), h('div', { class: 'actions' },
      h('button', { class: 'quiet', type: 'button', onclick: () => openRequests({ team: team.id }) }, 'Latest requests'))),
  (node, team) => {
    if (team.isNone) {
      setText(node.firstChild, data.teams === null ? data.faults.teams || 'Loading' : 'No teams are configured. Callers send OpenRouter keys of their own; the gateway applies its rules, and meters nothing.');
      return;
    }
    const [title, budgets, , limits, , keys] = node.children;
    setText(title, team.id);
    const all = (team.budgets || []).map(budget => budgetOf(team.id, budget));
    sync(budgets, all.length > 0 ? all : [null], one => one === null ? '(none)' : one.key, one => one === null ? h('p', { class: 'note' }, 'No budget: not bounded by cost.') : budgetNode(),
      (child, one) => one === null || updateBudget(child, one, false));
    setText(limits, limitText(team.limits));
    sync(keys, team.keys || [], key => key.label, () => h('li', null, h('span'), h('span', { class: 'note' }), h('div')), (child, key) => {
      setText(child.firstChild, key.label);
      sync(child.lastChild, (key.budgets || []).map(budget => budgetOf(`${team.id} / ${key.label}`, budget)), one => one.key, budgetNode, (meter, one) => updateBudget(meter, one, false));
      const expires = key.expires ? Date.parse(key.expires) : null;
      child.children[1].replaceChildren(
        key.last_used ? 'last used ' : 'not used yet', key.last_used ? timeNode(Date.parse(key.last_used)) : '',
        expires === null ? '' : expires <= Date.now() ? ', expired ' : ', expires ', expires === null ? '' : timeNode(expires, date(expires)));
    });
  });
}

// ---------------------------------------------------------------- Requests

const COLUMNS = [
  ['time', 'Time, UTC'], ['status', 'Status'], ['team', 'Team / key'], ['model', 'Model'], ['provider', 'Provider'], ['rule', 'Rule'],
  ['tokens', 'Tokens in → out', true], ['cost', 'Cost', true], ['first', 'First token', true], ['duration', 'Duration', true],
];
const grid = { active: '', top: '', pool: [] };
const phone = matchMedia('(max-width: 640px)');
const rowHeight = () => phone.matches ? 56 : 30;

function rowNode() {
  const cells = COLUMNS.map(([name, , isNumber]) => h(name === 'time' ? 'div' : 'div', { class: `c-${name}${isNumber ? ' num' : ''}`, role: 'gridcell' }));
  cells[0].append(h('time'));
  cells[1].append(h('span', { class: 'chip' }));
  cells[3].append(h('span'), h('span', { class: 'dim' }));
  return h('div', { class: 'row', role: 'row' }, ...cells, h('div', { class: 'only-phone', 'aria-hidden': 'true' }));
}

function updateRow(node, row, index) {
  const c = node.children;
  node.rowKey = row.key;
  setAttribute(node, 'id', `row-${index}`);
  setAttribute(node, 'aria-rowindex', index + 2);
  setAttribute(node, 'aria-selected', row.key === grid.active);
  node.style.transform = `translateY(${index * rowHeight()}px)`;
  const stampOf = c[0].firstChild;
  setText(stampOf, row.t >= Math.floor(Date.now() / DAY) * DAY ? clock(row.t) : `${date(row.t)} ${hour(row.t)}`);
  setAttribute(stampOf, 'datetime', row.time);
  setAttribute(stampOf, 'title', `${stamp(row.t)}; ${localTime(row.t)}`);
  const chip = c[1].firstChild;
  setAttribute(chip, 'data-tone', row.outcome);
  setText(chip, row.outcome === 'open' ? 'in flight' : row.status === undefined ? row.end || '–' : row.ending === 'clientleft' ? `${row.status} left` : String(row.status));
  setAttribute(c[1], 'title', [row.problem, row.end].filter(Boolean).join(', ') || null);
  setText(c[2], row.team ? (row.label ? `${row.team} / ${row.label}` : row.team) : '');
  setText(c[3].children[0], row.problem && row.code ? `${row.code}  ` : row.model || row.shown || row.path || '');
  setAttribute(c[3].children[0], 'class', row.problem && row.code ? 'mono' : null);
  setText(c[3].children[1], row.problem && row.code ? row.model || row.path || '' : row.model && row.shown && row.shown !== row.model ? ` → ${row.shown}` : '');
  setAttribute(c[3], 'title', [row.model, row.shown !== row.model ? row.shown : ''].filter(Boolean).join(' → ') || null);
  setText(c[4], row.provider || '');
  setText(c[5], row.rule || '');
  const hasTokens = row.prompt_tokens !== undefined && row.prompt_tokens !== null;
  setText(c[6], hasTokens ? `${compact(row.prompt_tokens)} → ${compact(row.completion_tokens || 0)}` : '');
  setText(c[7], row.cost === null ? '' : `${row.isBilled ? '' : '~ '}${usd(row.cost)}`);
  setAttribute(c[7], 'title', row.cost === null || row.isBilled ? null : 'not billed yet: what is reserved');
  setText(c[8], row.first_token_ms === undefined || row.first_token_ms === null ? '' : duration(row.first_token_ms));
  setText(c[9], row.duration_ms === undefined || row.duration_ms === null ? '' : duration(row.duration_ms));
  setText(c[10], [row.team, row.cost === null ? '' : usd(row.cost)].filter(Boolean).join(' · '));
}

function filterRows() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  data.filtered = data.rows.filter(row =>
    (!state.team || row.team === state.team)
    && (!state.model || row.shown === state.model || row.model === state.model)
    && (!state.outcome || (state.outcome === 'failed' ? row.outcome !== 'answered' : state.outcome === 'left' ? row.ending === 'clientleft' : row.outcome === state.outcome))
    && (!state.code || row.problem === state.code)
    && words.every(word => row.hay.includes(word)));
}

function showRequests() {
  const body = $('requests-body');
  const height = rowHeight();
  const anchor = body.scrollTop > height / 2 ? data.filtered[Math.floor(body.scrollTop / height)]?.key : null;
  const before = anchor ? Math.floor(body.scrollTop / height) : 0;
  filterRows();
  const rest = data.filtered.length;
  $('requests-sizer').style.height = `${Math.max(rest * height, 1)}px`;
  if (anchor) {
    const after = data.filtered.findIndex(row => row.key === anchor);
    if (after >= 0 && after !== before) body.scrollTop += (after - before) * height;
  }
  const isFiltered = rest !== data.rows.length;
  setText($('count'), data.rows.length === 0 ? data.faults.requests || 'No requests yet.'
    : `${isFiltered ? `${count(rest)} of ` : ''}${plural(data.rows.length, 'request')}, newest first; a full id is looked up with Enter. ${data.incomplete}${rest === 0 ? ' Nothing matches the filters.' : ''}`);
  setAttribute($('requests'), 'aria-rowcount', rest + 1);
  $('clear').hidden = !(state.q || state.team || state.model || state.outcome || state.code);
  fillSelects();
  renderRows();
}

/** Renders the rows in sight and some beyond: a handful of nodes, for any number of requests. */
function renderRows() {
  const body = $('requests-body');
  const height = rowHeight();
  const from = Math.max(0, Math.floor(body.scrollTop / height) - OVERSCAN);
  const to = Math.min(data.filtered.length, Math.ceil((body.scrollTop + body.clientHeight) / height) + OVERSCAN);
  const sizer = $('requests-sizer');
  while (grid.pool.length < to - from) {
    const node = rowNode();
    grid.pool.push(node);
    sizer.append(node);
  }
  while (grid.pool.length > to - from) grid.pool.pop().remove();
  for (let i = from; i < to; i++) updateRow(grid.pool[i - from], data.filtered[i], i);
  const active = data.filtered.findIndex(row => row.key === grid.active);
  setAttribute($('requests'), 'aria-activedescendant', active >= from && active < to ? `row-${active}` : null);
}

function activate(index) {
  const row = data.filtered[Math.max(0, Math.min(data.filtered.length - 1, index))];
  if (!row) return;
  grid.active = row.key;
  const body = $('requests-body');
  const height = rowHeight();
  const at = data.filtered.indexOf(row) * height;
  if (at < body.scrollTop) body.scrollTop = at;
  else if (at + height > body.scrollTop + body.clientHeight) body.scrollTop = at + height - body.clientHeight;
  renderRows();
}

function pressInGrid(event) {
  const index = data.filtered.findIndex(row => row.key === grid.active);
  const page = Math.max(1, Math.floor($('requests-body').clientHeight / rowHeight()) - 1);
  const moves = { ArrowDown: index + 1, ArrowUp: index < 0 ? 0 : index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: data.filtered.length - 1 };
  if (Object.hasOwn(moves, event.key)) {
    event.preventDefault();
    activate(moves[event.key]);
  } else if ((event.key === 'Enter' || event.key === ' ') && index >= 0) {
    event.preventDefault();
    openRequest(grid.active);
  }
}

function fillSelects() {
  const teams = new Set((data.teams || []).map(team => team.id)), models = new Set(), codes = new Set();
  for (const row of data.rows) {
    if (row.team) teams.add(row.team);
    if (row.shown) models.add(row.shown);
    if (row.problem) codes.add(row.problem);
  }
  for (const [id, value, names] of [['f-team', state.team, teams], ['f-model', state.model, models], ['f-code', state.code, codes]]) {
    if (value) names.add(value);
    options($(id), [['', 'All'], ...[...names].sort().map(name => [name, name])], value);
  }
  options($('f-outcome'), [['', 'All'], ['failed', 'All errors'], ...Object.entries(OUTCOMES), ['left', 'Client left']], state.outcome);
  if (document.activeElement !== $('q')) $('q').value = state.q;
}

function options(select, entries, value) {
  sync(select, entries, entry => entry[0], entry => h('option', { value: entry[0] }), (node, entry) => setText(node, entry[1]));
  if (select.value !== value) select.value = value;
}

// ---------------------------------------------------------------- One request

let opener = null;
let shownId = '';

function openRequest(key) {
  opener = document.activeElement;
  go({ id: key }, true);
}

function closeRequest() {
  if (!state.id) return;
  go({ id: '' }, true);
  (opener && document.contains(opener) ? opener : $('requests')).focus({ preventScroll: true });
}

async function showRequest() {
  const drawer = $('drawer');
  document.body.classList.toggle('has-drawer', state.id !== '');
  if (!state.id) {
    drawer.hidden = true;
    shownId = '';
    return;
  }
  if (shownId === state.id) return;
  shownId = state.id;
  const known = data.byId.get(state.id) || data.rows.find(row => row.generation_id === state.id);
  drawer.hidden = false;
  if (known) renderRequest(known);
  else $('drawer-body').replaceChildren(h('p', { class: 'note' }, 'Looking it up'));
  $('drawer-title').focus({ preventScroll: true });
  try {
    const answer = await askJson(`admin/requests/${encodeURIComponent(state.id)}`);
    const row = prepare(answer);
    if (data.byId.has(row.key)) {
      data.byId.set(row.key, row);
      data.rows = data.rows.map(one => one.key === row.key ? row : one);
      show();
    }
    if (shownId === state.id) renderRequest(row);
  } catch (fault) {
    if (!known && shownId === state.id) {
      $('drawer-body').replaceChildren(h('p', { class: 'verdict', 'data-tone': 'refused' }, h('b', null, 'Not found'),
        fault instanceof Refusal && fault.status === 404 ? `Neither the latest requests of this node nor the ledger know the id ${state.id}.` : fault.message));
    }
  }
}

function renderRequest(row) {
  const facts = (title, entries) => {
    const shown = entries.filter(([, value]) => value !== undefined && value !== null && value !== '');
    return shown.length === 0 ? [] : [h('h3', null, title), h('dl', { class: 'facts' }, shown.map(([name, value, type]) =>
      [h('dt', null, name), h('dd', type ? { class: type } : null, typeof value === 'number' ? count(value) : value)]))];
  };
  const ms = value => value === undefined || value === null ? null : duration(value);
  $('drawer-body').replaceChildren(
    h('p', { class: 'verdict', 'data-tone': row.outcome }, h('b', null, [row.status, row.code, row.outcome === 'open' ? 'In flight' : OUTCOMES[row.outcome]].filter(Boolean).join(' · ')),
      row.ending && row.ending !== 'completed' ? `Ended as ${row.end}. ` : '', row.cost === null ? '' : `${usd(row.cost)}${row.isBilled ? '' : ` (${row.state || 'not billed yet'})`}`),
    ...phases(row),
    ...facts('Request', [['Time', timeNode(row.t)], ['Call', [row.method, row.path].filter(Boolean).join(' ')], ['Team', row.team], ['Key', row.label],
      ['Request id', row.request_id, 'id'], ['Generation id', row.generation_id, 'id']]),
    ...facts('Model and route', [['Asked for', row.model], ['Sent as', row.sent_model], ['Answered by', row.answered_model], ['Provider', row.provider], ['Rule', row.rule],
      ['Destination', row.destination], ['Upstream key', row.upstream_key], ['Attempts', row.attempts], ['Settings', row.version, 'mono']]),
    ...facts('Usage', [['Prompt tokens', row.prompt_tokens], ['Completion tokens', row.completion_tokens], ['Cost', row.cost === null ? null : `${row.cost_usd} USD`], ['Bill', row.state],
      ['Streamed', row.stream === undefined ? null : row.stream ? 'yes' : 'no']]),
    ...facts('Time', [['To first byte', ms(row.first_byte_ms)], ['To first token', ms(row.first_token_ms)], ['In total', ms(row.duration_ms)]]),
    h('div', { class: 'actions' },
      row.model ? h('button', { class: 'quiet', type: 'button', onclick: () => { $('x-model').value = row.model; chosenTeam = row.team || ''; chosenKey = row.label || ''; go({ view: 'explain', id: '' }, true); $('x-go').focus(); } }, 'Explain this model now') : '',
      row.team ? h('button', { class: 'quiet', type: 'button', onclick: () => openRequests({ team: row.team }) }, 'Requests of this team') : ''));
}

/** The parts of a request's time as a bar, to scale. */
function phases(row) {
  if (!row.duration_ms) return [];
  const marks = [['to the first byte', row.first_byte_ms, 's6'], ['to the first token', row.first_token_ms, 's1'], ['to the end', row.duration_ms, 's0']];
  const parts = [];
  let from = 0;
  for (const [name, at, tone] of marks) {
    if (at === undefined || at === null || at < from) continue;
    parts.push({ name, tone, length: at - from });
    from = at;
  }
  const bar = h('div', { class: 'phases', 'aria-hidden': 'true' }, parts.map(part => h('i', { class: `f-${part.tone}` })));
  parts.forEach((part, i) => { bar.children[i].style.width = `${part.length / row.duration_ms * 100}%`; });
  return [h('h3', null, `Where ${duration(row.duration_ms)} went`), bar,
    h('ul', { class: 'legend' }, parts.map(part => h('li', null, h('i', { class: `key f-${part.tone}` }), h('span', null, part.name), h('b', null, duration(part.length)))))];
}

// ---------------------------------------------------------------- Rules and settings

function factRows(list, entries) {
  sync(list, entries.flatMap(([name, value, type]) => [{ key: `dt ${name}`, tag: 'dt', value: name }, { key: `dd ${name}`, tag: 'dd', value, type }]), one => one.key, one => h(one.tag), (node, one) => {
    if (one.value instanceof Node) {
      if (node.textContent !== one.value.textContent) node.replaceChildren(one.value);
    } else setText(node, String(one.value));
    setAttribute(node, 'class', one.type || null);
  });
}

function showSettings() {
  const health = data.health;
  if (health) {
    const reload = health.last_reload;
    factRows(panels.reload.facts, [
      ['State', health.status === 'ok' ? 'ok' : health.status], ['Version', health.version, 'mono'], ['In effect since', timeNode(Date.parse(health.loaded_at))],
      ['Last reload', reload.at ? timeNode(Date.parse(reload.at), `${stamp(Date.parse(reload.at))}, ${reload.succeeded ? 'accepted' : 'rejected'}`) : 'none since the start'],
      ['Teams', data.rules ? count(data.rules.teams) : '–'],
      ['Waits for a restart', health.restart_required_by.length > 0 ? health.restart_required_by.join(', ') : 'nothing'],
    ]);
    sync(panels.reload.list, reload.faults, fault => fault, fault => h('li', { class: 'alert', 'data-tone': 'bad' }, fault));
  }
  const values = [
    ['Requests in flight', 'gateway_requests_in_flight'], ['Open connections', 'gateway_connections_open'], ['Connections at most', 'gateway_connections_limit'], ['Connections refused', 'gateway_connections_refused_total'],
    ['Bodies waiting for memory', 'gateway_bodies_waiting'], ['Memory of bodies, bytes', 'gateway_bodies_held_bytes'], ['Ledger entries queued', 'gateway_ledger_queue'], ['Ledger journal, bytes', 'gateway_ledger_journal_bytes'], ['Ledger writes failed', 'gateway_ledger_failures_total'],
    ['Ledger entries lost', 'gateway_ledger_dropped_total'], ['Log lines dropped', 'gateway_log_dropped_total'], ['Attempts repeated', 'gateway_attempts_repeated_total'],
  ].map(([name, id]) => [name, metric(id)]).filter(([, value]) => value !== undefined).map(([name, value]) => [name, count(value)]);
  factRows(panels.system.facts, values);
  const rules = data.rules?.rules || [];
  const aliases = (data.rules?.aliases || []).map(alias => ({ alias, name: alias.model }));
  panels.rules.empty.hidden = rules.length + aliases.length > 0;
  setText(panels.rules.empty, data.rules ? 'There are no rules: requests are forwarded with the provider block that the client sends.' : data.faults.settings || 'Loading');
  setText(panels.rules.note, data.rules ? [plural(rules.length, 'rule'), aliases.length > 0 ? plural(aliases.length, 'alias', 'aliases') : '', plural(data.rules.teams, 'team')].filter(Boolean).join(', ') : '');
  let position = 0;
  sync(panels.rules.list, [...rules, ...aliases].map((rule, i) => ({ ...rule, i, position: rule.alias ? '' : rule.team ? '' : ++position })), rule => `${rule.alias ? 'alias' : rule.team ?? ''} ${rule.name} ${rule.i}`,
    () => h('li', { class: 'rule' }, h('span', { class: 'note' }), h('span', null, h('strong'), h('br'), h('span', { class: 'note' })), h('code'), h('code', { class: 'note' }), h('span', { class: 'note' })),
    (node, rule) => {
      const [at, name, models, block, mode] = node.children;
      setText(at, String(rule.position));
      setText(name.children[0], rule.name);
      if (rule.alias) {
        setText(name.children[2], 'alias');
        setText(models, `→ ${rule.alias.use}`);
        setText(block, rule.alias.fallbacks.length > 0 ? `else ${rule.alias.fallbacks.join(', ')}` : '');
        setText(mode, '');
        return;
      }
      setText(name.children[2], rule.team ? `only for team ${rule.team}, before the others; ${rule.source}` : rule.source);
      setText(models, rule.models.join(', '));
      setText(block, JSON.stringify(rule.provider) + (rule.server_tools ? `, server tools: ${rule.server_tools.join(', ') || 'none'}` : ''));
      setText(mode, MODES[rule.mode] || rule.mode);
    });
}

function showAlerts() {
  const list = [];
  const health = data.health;
  if (health && !health.last_reload.succeeded) list.push(['bad', 'The last change of the settings was rejected', health.last_reload.faults.join('; ')]);
  if (health?.limit_store_fault) list.push(['bad', 'The store of limits fails', health.limit_store_fault]);
  if (health?.restart_required) list.push(['warn', 'Settings wait for a restart', health.restart_required_by.join(', ')]);
  for (const name of raised('gateway_worker_failing', 'worker')) list.push(['bad', 'A background worker fails', name]);
  for (const name of raised('gateway_destination_left_alone', 'destination')) list.push(['warn', 'A destination is left alone after failures', name]);
  if (metric('gateway_ledger_dropped_total') > 0) list.push(['bad', 'The ledger has lost entries', count(metric('gateway_ledger_dropped_total'))]);
  for (const [name, fault] of Object.entries(data.faults)) if (!link.failing) list.push(['warn', `No data from ${name}`, fault]);
  sync($('alerts'), list, one => one.join('\n'), ([tone, title, text]) => h('p', { class: 'alert', 'data-tone': tone }, h('b', null, title), text ? `: ${text}` : ''));
}

// ---------------------------------------------------------------- Explain

let chosenTeam = '';
let chosenKey = '';

function showExplain() {
  const models = new Set();
  for (const row of data.rows) if (row.model) models.add(row.model);
  sync($('x-models'), [...models].sort().slice(0, 500), name => name, name => h('option', { value: name }));
  options($('x-team'), [['', 'No team: only the rules for all'], ...(data.teams || []).map(team => [team.id, team.id])], chosenTeam);
  showKeys();
}

/** The keys of the chosen team, which may have models, limits and a budget of their own. The gateway takes a team's only key without being told. */
function showKeys() {
  const keys = (data.teams || []).find(team => team.id === chosenTeam)?.keys || [];
  if (!keys.some(key => key.label === chosenKey)) chosenKey = keys.length === 1 ? keys[0].label : '';
  $('x-keys').hidden = keys.length === 0;
  options($('x-key'), [...(keys.length === 1 ? [] : [['', 'No key: without their own limits']]),
    ...keys.map(key => [key.label, Date.parse(key.expires) <= Date.now() ? `${key.label} (expired)` : key.label])], chosenKey);
}

async function explain(event) {
  event.preventDefault();
  const question = { path: $('x-path').value };
  const answerTo = $('explained');
  const say = (tone, title, text) => answerTo.replaceChildren(answerTo.querySelector('h2'), h('p', { class: 'verdict', 'data-tone': tone }, h('b', null, title), text || ''));
  if ($('x-model').value.trim()) question.model = $('x-model').value.trim();
  if ($('x-team').value) question.team = $('x-team').value;
  if (question.team && $('x-key').value) question.key = $('x-key').value;
  if ($('x-body').value.trim()) {
    try { question.body = JSON.parse($('x-body').value); } catch (fault) { say('refused', 'The body is not JSON', fault.message); return; }
  }
  if (!question.model && !question.body) {
    say('refused', 'A model or a body is needed', '');
    $('x-model').focus();
    return;
  }
  $('x-go').disabled = true;
  try {
    // The body is sent as it was typed: numbers keep their digits, members their order.
    const text = question.body ? JSON.stringify({ ...question, body: null }).replace(/"body":null/, () => `"body":${$('x-body').value}`) : JSON.stringify(question);
    const answer = await askJson('admin/explain', { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
    const error = answer.error?.error;
    if (answer.error) say(answer.status >= 500 ? 'upstream' : 'refused', `Refused with ${answer.status}${error?.code ? ` ${error.code}` : ''}`, error?.message || '');
    else if (!question.team && data.teams?.length) say('answered', 'Rules applied', 'Without a team: rights, limits and budgets are left out.');
    else if (answer.keys_left_out) say('answered', 'Allowed for the team', 'The limits, models and budgets of its keys are left out. Choose a key to judge by them.');
    else say('answered', question.key ? `Allowed with the key ${question.key}` : 'Allowed', 'The request would be sent upstream.');
    const facts = [];
    if (answer.estimate?.needed_usd !== undefined) facts.push(['Would be reserved', `${answer.estimate.needed_usd} USD`]);
    if (answer.budget) facts.push(['Budget left', `${answer.budget.left_usd} of ${answer.budget.limit_usd} USD`]);
    if (answer.key_budget) facts.push(["The key's budget left", `${answer.key_budget.left_usd} of ${answer.key_budget.limit_usd} USD`]);
    for (const [name, level] of Object.entries(answer.limits || {})) facts.push([`Limit of ${name}`, `${count(level.left)} of ${count(level.limit)} left`]);
    if (facts.length > 0) answerTo.append(h('dl', { class: 'facts' }, facts.map(([name, value]) => [h('dt', null, name), h('dd', null, value)])));
    const isDiff = answer.text.indexOf('body, before (-) and after (+):');
    const lines = answer.text.trimEnd().split('\n');
    let at = 0;
    answerTo.append(h('h3', null, 'Why'), h('pre', { tabindex: '0' }, lines.flatMap(line => {
      const isChange = isDiff >= 0 && at > isDiff;
      at += line.length + 1;
      return [h('span', isChange && line.startsWith('+') ? { class: 'added' } : isChange && line.startsWith('-') ? { class: 'removed' } : null, line), '\n'];
    })));
  } catch (fault) {
    say('refused', fault instanceof Refusal ? 'The question was not understood' : 'The gateway cannot be reached', fault.message);
  } finally {
    $('x-go').disabled = false;
  }
}

// ---------------------------------------------------------------- The page

function showLink() {
  const status = $('status');
  const banner = $('banner');
  const isStale = link.failing !== null;
  document.body.classList.toggle('is-stale', isStale);
  setAttribute(status, 'data-state', isStale ? 'stale' : link.isPaused ? 'paused' : link.lastOk ? 'live' : 'waiting');
  setText($('status-text'), isStale ? 'Stale' : link.isPaused ? 'Paused' : link.lastOk ? 'Live' : 'Connecting');
  status.title = link.lastOk ? `Read at ${stamp(link.lastOk)}; ${localTime(link.lastOk)}` : '';
  banner.hidden = !isStale;
  if (isStale) setText(banner, `${link.failing.text} ${link.lastOk ? `What you see is of ${stamp(link.lastOk)}.` : 'There is nothing to show yet.'} Trying again every ${REFRESH / 1000} s.`);
  document.title = isStale ? 'Unreachable – OpenRouterGateway' : 'OpenRouterGateway';
}

function show() {
  for (const view of VIEWS) {
    const isShown = view === state.view;
    $(`view-${view}`).hidden = !isShown;
    const tab = $(`tab-${view}`);
    setAttribute(tab, 'aria-selected', isShown);
    setAttribute(tab, 'tabindex', isShown ? 0 : -1);
  }
  for (const name of ['range', 'by']) $(name).querySelector(`input[value="${state[name]}"]`).checked = true;
  showLink();
  if (state.view === 'overview') {
    showAlerts();
    showOverview();
  } else if (state.view === 'requests') showRequests();
  else if (state.view === 'teams') showTeams();
  else if (state.view === 'settings') showSettings();
  else showExplain();
  showRequest();
}

function segments(id, entries, hint) {
  $(id).append(...(hint ? [h('span', { class: 'hint', 'aria-hidden': 'true' }, hint)] : []), ...entries.map(([value, label]) => h('label', null,
    h('input', { type: 'radio', name: id, value, onchange: () => { go({ [id]: value }); if (isDays()) refresh(); } }), h('span', null, label))));
}

function start() {
  segments('range', Object.entries(RANGES).map(([value, range]) => [value, range.label]));
  segments('by', Object.entries(DIMENSIONS), 'by');
  for (const id of ['traffic', 'errors', 'cost', 'tokens', 'latency', 'budgets', 'reload', 'system', 'rules']) panel(id);
  for (const [id, format, isCount] of [['traffic', compact, true], ['cost', usd, false], ['tokens', compact, true], ['latency', durationOfAxis, false]]) panels[id].chart = new Chart(panels[id].article, format, isCount);
  panels.traffic.legend = panels.traffic.add(h('ul', { class: 'legend' }));
  panels.latency.legend = panels.latency.add(h('ul', { class: 'legend' }));
  for (const id of ['cost', 'tokens']) panels[id].ranks = panels[id].add(h('ol', { class: 'ranks' }));
  panels.errors.list = panels.errors.add(h('ol', { class: 'bars' }));
  panels.errors.empty = panels.errors.add(h('p', { class: 'empty' }));
  panels.errors.more = panels.errors.add(h('p', { class: 'note' }));
  panels.budgets.list = panels.budgets.add(h('div'));
  panels.budgets.empty = panels.budgets.add(h('p', { class: 'empty' }));
  panels.budgets.more = panels.budgets.add(h('button', { class: 'link more', type: 'button', onclick: () => go({ view: 'teams' }, true) }));
  panels.reload.facts = panels.reload.add(h('dl', { class: 'facts' }));
  panels.reload.list = panels.reload.add(h('ul', { class: 'alerts' }));
  panels.system.facts = panels.system.add(h('dl', { class: 'facts' }));
  panels.rules.empty = panels.rules.add(h('p', { class: 'empty' }));
  panels.rules.list = panels.rules.add(h('ol', { class: 'rules' }));
  $('requests-head').append(...COLUMNS.map(([name, title, isNumber]) => h('div', { class: `c-${name}${isNumber ? ' num' : ''}`, role: 'columnheader' }, title)));

  for (const view of VIEWS) $(`tab-${view}`).addEventListener('click', () => go({ view, id: '' }, true));
  document.querySelector('.tabs').addEventListener('keydown', event => {
    const at = VIEWS.indexOf(state.view);
    const moves = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: VIEWS.length - 1 };
    if (!Object.hasOwn(moves, event.key)) return;
    event.preventDefault();
    const view = VIEWS[(moves[event.key] + VIEWS.length) % VIEWS.length];
    go({ view, id: '' }, true);
    $(`tab-${view}`).focus();
  });
  document.addEventListener('keydown', event => {
    const isTyping = event.target.closest('input:not([type=radio]), textarea, select');
    if (event.key === 'Escape' && state.id) closeRequest();
    else if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      if (state.view !== 'requests') go({ view: 'requests' }, true);
      $('q').focus();
      $('q').select();
    }
  });

  const themeText = () => { setText($('theme'), `Theme: ${theme}`); };
  $('theme').addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      if (theme === 'system') localStorage.removeItem('theme');
      else localStorage.setItem('theme', theme);
    } catch { /* Storage is off: the choice lasts as long as the page. */ }
    applyTheme();
    themeText();
  });
  themeText();
  $('pause').addEventListener('click', () => {
    link.isPaused = !link.isPaused;
    setAttribute($('pause'), 'aria-pressed', link.isPaused);
    setText($('pause'), link.isPaused ? 'Resume' : 'Pause');
    showLink();
    if (!link.isPaused) refresh();
    else clearTimeout(link.timer);
  });

  for (const [id, name] of [['f-team', 'team'], ['f-model', 'model'], ['f-outcome', 'outcome'], ['f-code', 'code']]) {
    $(id).addEventListener('change', () => { $('requests-body').scrollTop = 0; go({ [name]: $(id).value }); });
  }
  $('q').addEventListener('input', () => { $('requests-body').scrollTop = 0; go({ q: $('q').value.trim() }); });
  $('filters').addEventListener('submit', event => {
    event.preventDefault();
    const id = $('q').value.trim();
    if (data.filtered.length === 1) openRequest(data.filtered[0].key);
    else if (/^[\w.:-]{8,200}$/.test(id) && data.filtered.length === 0) openRequest(id);
    else if (data.filtered.length > 0) { $('requests').focus(); activate(0); }
  });
  $('clear').addEventListener('click', () => { $('q').value = ''; go({ q: '', team: '', model: '', outcome: '', code: '' }); $('q').focus(); });
  let isPlanned = false;
  $('requests-body').addEventListener('scroll', () => {
    if (isPlanned) return;
    isPlanned = true;
    requestAnimationFrame(() => { isPlanned = false; renderRows(); });
  }, { passive: true });
  $('requests-sizer').addEventListener('click', event => {
    const row = event.target.closest('.row');
    if (!row) return;
    grid.active = row.rowKey;
    renderRows();
    $('requests').focus({ preventScroll: true });
    openRequest(row.rowKey);
  });
  $('requests').addEventListener('keydown', pressInGrid);
  $('drawer-close').addEventListener('click', closeRequest);
  $('explain').addEventListener('submit', explain);
  $('x-team').addEventListener('change', () => { chosenTeam = $('x-team').value; showKeys(); });
  $('x-key').addEventListener('change', () => { chosenKey = $('x-key').value; });
  phone.addEventListener('change', show);
  addEventListener('resize', () => { if (state.view === 'requests') renderRows(); });
  addEventListener('popstate', () => { readHash(); show(); if (isDays()) refresh(); });
  addEventListener('hashchange', () => { readHash(); show(); });
  document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(link.timer) : link.isPaused || refresh());

  readHash();
  show();
  refresh();
}

document.addEventListener('DOMContentLoaded', start);
})();
