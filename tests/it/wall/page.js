// Stands in front of the script of the page. The page lives by the clock of the test: what time it is, and every timer of a
// second and more. What would pile up in an hour is counted, and what stands on the page is read.
(() => {
  'use strict';
  const all = (root, selector) => [...root.querySelectorAll(selector)];
  const words = (at) => (at ? at.textContent.replace(/\s+/g, ' ').trim() : null);

  const later = window.setTimeout.bind(window);
  const never = window.clearTimeout.bind(window);
  const server = document.querySelector('[data-now]');
  const timers = new Map();
  let passed = 0;
  let last = 0;
  const town = {
    // The clock of this machine is three minutes fast.
    offset: server ? Number(server.dataset.now) + 187000 : 0,
    timers,
    feed: null,
    listeners: 0,
    tones: 0,
  };
  window.town = town;
  Date.now = () => passed + town.offset;
  const add = (what, ms, every) => {
    last -= 1;
    timers.set(last, { at: passed + ms, every, what });
    return last;
  };
  window.setTimeout = (what, ms = 0) => (ms < 1000 ? later(what, ms) : add(what, ms, 0));
  window.setInterval = (what, ms) => add(what, ms, ms);
  window.clearTimeout = (id) => (id < 0 ? timers.delete(id) : never(id));
  window.clearInterval = window.clearTimeout;
  town.pass = (ms) => {
    const end = passed + ms;
    for (;;) {
      const [due] = [...timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (!due) break;
      const [id, timer] = due;
      passed = timer.at;
      if (timer.every) timer.at += timer.every; else timers.delete(id);
      timer.what();
    }
    passed = end;
  };

  const Feed = window.EventSource;
  window.EventSource = function (...what) {
    town.feed = new Feed(...what);
    return town.feed;
  };
  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (...what) {
    town.listeners += 1;
    return listen.apply(this, what);
  };
  const tone = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    town.tones += 1;
    return tone.call(this);
  };

  const card = (li) => {
    const hand = li.querySelector('.actions > span');
    const left = li.querySelector('time[data-left]');
    return {
      id: li.id,
      sound: li.dataset.alarm,
      edge: li.classList[0],
      state: words(li.querySelector('.head strong')),
      age: words(li.querySelector('time[data-age]')),
      tags: all(li, '.head span.tag').map(words),
      kind: words(li.querySelector('.head span.big')),
      place: words(li.querySelector('.place')),
      called: words(all(li, ':scope > p:not(.place):not(.dim)')[0]).split(' · ')[0],
      people: all(li, '.people > li').map((one) => [words(one.querySelector('strong')), words(one.querySelector('.tag'))]),
      left: words(left),
      late: all(li, '.then .tag.amber').length,
      hand: hand ? hand.firstChild.textContent.trim() : null,
    };
  };
  town.read = () => ({
    title: document.title,
    state: all(document, '#state > .tag').map(words).join(' '),
    calm: Boolean(document.querySelector('#calm .calm')),
    lost: !document.getElementById('lost').hidden,
    alarms: all(document, '#alarms > li').map(card),
    drills: all(document, '#drills > li').map(card),
  });

  // A request that failed is made again five seconds later. Where no time passes, what waits for it asks for it.
  let asked = 0;
  town.again = () => {
    const now = performance.now();
    if (document.getElementById('lost').hidden || !town.feed || now < asked + 1000) return;
    asked = now;
    town.feed.dispatchEvent(new Event('changed'));
  };

  // What stands there and why, for whoever reads that something did not come.
  town.told = () => ({
    lost: !document.getElementById('lost').hidden,
    now: passed,
    stale: all(document, '[data-stale]').map((part) => [part.id, part.dataset.stale - town.offset]),
    hovered: all(document, ':hover').map((at) => at.id || at.localName),
    focused: document.activeElement ? document.activeElement.outerHTML.slice(0, 120) : null,
    feed: town.feed ? town.feed.readyState : null,
    alarms: all(document, '#alarms > li').map((li) => [li.id, words(li.querySelector('.head strong'))]),
  });

  const plain = (value) => JSON.stringify(value, (_, part) => (
    part && typeof part === 'object' && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort()) : part));
  // Not what another request is about to get.
  const now = () => ({ cache: 'no-store', signal: AbortSignal.timeout(5000) });
  const fresh = async () => new DOMParser().parseFromString(await (await fetch(location.href, now())).text(), 'text/html');
  const html = (root, id) => root.getElementById(id).innerHTML.replace(/\s+/g, ' ').replace(/> </g, '><').trim();
  // Where two texts begin to differ.
  const apart = (one, other) => {
    let at = 0;
    while (one[at] === other[at]) at += 1;
    return [one, other].map((text) => text.slice(Math.max(0, at - 80), at + 80));
  };
  // Where the page is not as it would be after a reload.
  const stale = (other) => ['state', 'calm', 'alarms', 'drills-head', 'drills']
    .filter((id) => html(document, id) !== html(other, id))
    .map((id) => [id, ...apart(html(document, id), html(other, id))]);
  const nodes = (root) => all(root, ':not(noscript *)').length;

  // Waits until the page shows what it should, and nothing else than a page that is loaded now; tells after how many
  // milliseconds, or what is wrong.
  town.until = async (wanted, patience) => {
    const began = performance.now();
    const text = plain(wanted);
    let other = null;
    let seen = null;
    for (;;) {
      const found = town.read();
      if (plain(found) === text) {
        seen = seen || performance.now() - began;
        other = other || await fresh();
        if (!stale(other).length && nodes(document) === nodes(other)) return { ms: seen };
      }
      if (patience < performance.now() - began) {
        return { found, stale: other && stale(other), nodes: other && [nodes(document), nodes(other)] };
      }
      town.again();
      await new Promise((done) => { later(done, 10); });
    }
  };
  town.weight = () => ({
    nodes: nodes(document),
    listeners: town.listeners,
    timers: timers.size,
    heap: performance.memory ? performance.memory.usedJSHeapSize : 0,
  });
})();
