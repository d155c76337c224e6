// Adds to pages that work without it.
(() => {
  'use strict';
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const hear = (name, does) => document.addEventListener(name, does);
  const { live, bar } = document.body.dataset;

  // Keys, which ? explains.
  let go = 0;
  let row = -1;
  hear('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.('input,select,textarea')) return;
    const key = event.key;
    if (go && Date.now() - go < 1500) {
      go = 0;
      const place = $(`[data-go="${CSS.escape(key)}"]`);
      if (place) { event.preventDefault(); place.click(); }
      return;
    }
    if (key === 'g') { go = Date.now(); return; }
    if (key === '/') { const search = $('#q'); if (search) { event.preventDefault(); search.focus(); } return; }
    if (key === '?') { $('#keys')?.showModal?.(); return; }
    if (key === 'j' || key === 'k') {
      const rows = $$('[data-row]');
      if (!rows.length) return;
      row = Math.max(0, Math.min(rows.length - 1, row + (key === 'j' ? 1 : -1)));
      rows.forEach((one, at) => one.classList.toggle('here', at === row));
      const link = $('a', rows[row]) || rows[row];
      link.focus();
      rows[row].scrollIntoView({ block: 'nearest' });
    }
  });

  $('.summary')?.focus();

  // A form is sent once.
  hear('submit', (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = '1';
    setTimeout(() => delete form.dataset.sent, 4000);
  });

  // Ages count by the clock of the server, also when ours is set.
  let skew;
  const learn = (from) => {
    const at = $('[data-now]', from);
    const now = at ? at.dataset.now - Date.now() : 0;
    if (!(Math.abs(now - skew) < 2000)) skew = now;
  };
  learn();
  const two = (n) => String(Math.floor(n)).padStart(2, '0');
  const tick = () => $$('time[data-age],time[data-left]').forEach((time) => {
    const left = (Date.parse(time.dateTime) - Date.now() - skew) / 1000;
    const age = Math.max(0, Math.floor(-left));
    const text = 'age' in time.dataset ? [age / 3600, age / 60 % 60, age % 60].map(two).join(':') : String(Math.max(0, Math.ceil(left)));
    if (time.textContent !== text) time.textContent = text;
  });
  if (live || $('time[data-age]')) setInterval(tick, 1000);

  // Parts with data-part are replaced in place; where somebody types, chooses or presses, they wait a minute at most.
  const waits = (part, is) => {
    if (!is) { delete part.dataset.stale; return false; }
    part.dataset.stale = part.dataset.stale || Date.now();
    return Math.abs(Date.now() - part.dataset.stale) < 60000;
  };
  const busy = (part) => {
    const at = document.activeElement;
    return waits(part, part.matches(':active') || part.contains(at) && (at.matches('input,select,textarea') || at.closest('details[open]')));
  };
  const replace = (part, other) => {
    const stops = 'a,button,summary,input,select';
    const at = $$(stops, part).indexOf(document.activeElement);
    part.replaceChildren(...other.childNodes);
    $$(stops, part)[at]?.focus({ preventScroll: true });
  };
  // Lists: what is new comes in at the top and is counted; where somebody points, the order waits.
  const come = new Set();
  const lists = (fresh) => $$('[data-list]').forEach((list) => {
    const other = fresh.getElementById(list.id);
    if (!other) return;
    const wanted = [...other.children].map((one) => one.id);
    [...list.children].forEach((one) => { if (!wanted.includes(one.id) && !busy(one)) one.remove(); });
    const added = [...other.children].filter((one) => !document.getElementById(one.id));
    added.forEach((one) => come.add(one.id));
    list.prepend(...added);
    const is = [...list.children].map((one) => one.id).filter((id) => wanted.includes(id));
    const at = document.activeElement;
    const has = list.contains(at);
    const off = is.join() !== wanted.join();
    if (!waits(list, off && (has || list.matches(':hover'))) && off) {
      list.append(...wanted.map((id) => document.getElementById(id)).filter((one) => one && one.parentNode === list));
      if (has) at.focus({ preventScroll: true });
    }
  });
  const news = () => {
    const sign = $('#news');
    if (!sign) return;
    come.forEach((id) => document.getElementById(id) || come.delete(id));
    sign.hidden = !come.size;
    sign.textContent = `${come.size} ${sign.dataset.words}`;
  };
  const down = {};
  const lost = (what, is) => {
    down[what] = is;
    const sign = $('#lost');
    if (sign) sign.hidden = !down.feed && !down.page;
  };
  const take = (text) => {
    const fresh = new DOMParser().parseFromString(text, 'text/html');
    learn(fresh);
    lists(fresh);
    $$('[data-part],#state').forEach((part) => {
      const other = fresh.getElementById(part.id);
      if (!other) return;
      part.className = other.className;
      if (other.dataset.alarm) part.dataset.alarm = other.dataset.alarm;
      if (part.innerHTML !== other.innerHTML && !busy(part)) replace(part, other);
    });
    tick();
    news();
    ring();
  };
  let fetching;
  let again;
  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(!$('[data-soon]') && bar || location.href, { signal: AbortSignal.timeout?.(10000) });
      // A refused form leads to its page; nobody is led away from writing.
      const out = answer.redirected && !location.href.startsWith(`${answer.url}/`);
      if (out && !bar) { location = answer.url; return; }
      if (answer.ok && !out) take(await answer.text());
      lost('page', out || !answer.ok);
    } catch { lost('page', true); } finally {
      fetching = false;
      if (again) { again = false; setTimeout(refresh, 100); }
    }
  };
  // A number says what it is understood as.
  let typed;
  hear('input', ({ target: at }) => {
    const ask = at.form?.dataset.ask;
    const said = ask && $(`output[for="${at.id}"]`);
    if (!said) return;
    clearTimeout(typed);
    typed = setTimeout(async () => {
      const text = at.value;
      const answer = await fetch(ask + encodeURIComponent(text)).catch(() => 0);
      if (!answer || answer.redirected || text !== at.value) return;
      said.className = answer.ok ? 'dim' : 'error';
      said.textContent = await answer.text();
    }, 300);
  });
  // Rows of [data-order] are dragged and numbered anew.
  $$('[data-order]').forEach((list) => {
    let held;
    const row = (event) => event.target.closest('li');
    list.onpointerdown = (event) => { if (row(event)) row(event).draggable = event.target.matches('.handle'); };
    list.ondragstart = (event) => { held = row(event); };
    list.ondragover = (event) => {
      const over = row(event);
      if (!held || !over) return;
      event.preventDefault();
      const box = over.getBoundingClientRect();
      if (over !== held) over[event.clientY < box.top + box.height / 2 ? 'before' : 'after'](held);
    };
    list.ondragend = () => { held = 0; $$('[data-place]', list).forEach((input, at) => { input.value = at + 1; }); };
  });
  // Long work is looked at every second.
  const watch = () => { if ($('[data-soon]')) setTimeout(() => refresh().then(watch), 1000); };
  watch();
  // Forms with data-stay are sent in place, so that the sound goes on.
  hear('submit', async (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.matches('form[data-stay]')) return;
    event.preventDefault();
    try {
      const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
      if (!answer.ok) throw answer;
      document.activeElement.blur();
      refresh();
    } catch { form.submit(); }
  });
  const late = () => setTimeout(() => {
    const stale = $$('[data-stale]');
    stale.forEach((part) => delete part.dataset.stale);
    if (stale.length) refresh();
  }, 50);
  hear('focusout', late);
  hear('pointerup', late);

  // Two tones until no alarm on the page is unanswered. Browsers want a click first.
  let audio;
  let sounding = 0;
  const title = document.title;
  const beep = () => {
    if (audio?.state !== 'running') return;
    [880, 660].forEach((hertz, at) => {
      const tone = audio.createOscillator();
      const gain = audio.createGain();
      tone.frequency.value = hertz;
      gain.gain.value = 0.2;
      tone.connect(gain).connect(audio.destination);
      tone.start(audio.currentTime + at * 0.25);
      tone.stop(audio.currentTime + at * 0.25 + 0.2);
    });
  };
  const ring = () => {
    const unanswered = $$('[data-alarm="unanswered"]').length;
    const on = unanswered > 0;
    document.title = unanswered ? `● (${unanswered}) ${title}` : title;
    if (on && !sounding) { beep(); sounding = setInterval(beep, 2000); }
    if (!on && sounding) { clearInterval(sounding); sounding = 0; }
    const ask = $('#sound');
    if (ask) ask.hidden = !(on && audio?.state !== 'running');
  };
  const allow = () => {
    if (!live && !bar) return;
    come.clear();
    news();
    audio = audio || new (window.AudioContext || window.webkitAudioContext)();
    audio.resume().then(ring);
  };
  hear('pointerdown', allow);
  hear('keydown', allow);

  // What changes is told by the feed, and looked at every half minute besides.
  if (live) {
    let timer = 0;
    const soon = () => { if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, 150); };
    let feed;
    const follow = () => {
      feed = new EventSource(live);
      for (const name of ['snapshot', 'changed', 'behind']) feed.addEventListener(name, soon);
      feed.onopen = () => { lost('feed', false); soon(); };
      feed.onerror = () => lost('feed', true);
    };
    follow();
    let beat = 0;
    setInterval(() => {
      beat += 1;
      // Refused, as by a proxy, a browser gives up.
      if (feed.readyState === 2) follow();
      if (down.feed || down.page || beat % 6 === 0) refresh();
    }, 5000);
    ring();
  }
  // Elsewhere, the bar is.
  if (bar) { refresh(); setInterval(refresh, 5000); }
})();
