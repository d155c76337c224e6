// Adds to pages that work without it: keys, live parts, the sound of the wall, ages that count.
(() => {
  'use strict';
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const typing = (at) => at.closest && at.closest('input,select,textarea,[contenteditable]');

  // Keys: / searches, g and a letter goes, j and k step through rows, ? explains.
  let go = 0;
  let row = -1;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const key = event.key;
    if (go && Date.now() - go < 1500) {
      go = 0;
      const place = $(`[data-go="${CSS.escape(key)}"]`);
      if (place) { event.preventDefault(); place.click(); }
      return;
    }
    if (key === 'g') { go = Date.now(); return; }
    if (key === '/') { const search = $('#q'); if (search) { event.preventDefault(); search.focus(); } return; }
    if (key === '?') { const help = $('#keys'); if (help && help.showModal) help.showModal(); return; }
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

  const summary = $('.summary');
  if (summary) summary.focus();

  // A form is sent once.
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = '1';
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });

  // Ages count: <time data-age datetime="…"> shows hh:mm:ss since then, by the clock of the server.
  const skew = Number(document.body.dataset.now || Date.now()) - Date.now();
  const pad = (number) => String(number).padStart(2, '0');
  const tick = () => $$('time[data-age]').forEach((time) => {
    const s = Math.max(0, Math.floor((Date.now() + skew - Date.parse(time.dateTime)) / 1000));
    const text = `${pad(Math.floor(s / 3600))}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
    if (time.textContent !== text) time.textContent = text;
  });
  if ($('time[data-age]') || document.body.dataset.live) setInterval(tick, 1000);

  // Parts with data-part are fetched again and replaced in place; what has the focus or the pointer waits.
  const busy = (part) => part.contains(document.activeElement) && document.activeElement !== document.body;
  let fetching = false;
  let again = false;
  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { 'x-part': '1' } });
      if (answer.redirected) { location.reload(); return; }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
        $$('[data-part]').concat($('#state') || []).forEach((part) => {
          const other = fresh.getElementById(part.id);
          if (!other || part.innerHTML === other.innerHTML) return;
          if (busy(part)) { part.dataset.stale = '1'; return; }
          part.replaceChildren(...other.childNodes);
          for (const name of ['class', 'data-alarm']) {
            if (other.hasAttribute(name)) part.setAttribute(name, other.getAttribute(name));
            else part.removeAttribute(name);
          }
        });
        tick();
        ring();
      }
    } catch { /* The feed tells when it is back. */ } finally {
      fetching = false;
      if (again) { again = false; setTimeout(refresh, 100); }
    }
  };
  document.addEventListener('focusout', () => setTimeout(() => { if ($('[data-stale]')) { $$('[data-stale]').forEach((part) => delete part.dataset.stale); refresh(); } }, 50));

  // The sound: two tones until no alarm on the page is unanswered. Browsers want a click first.
  let audio = null;
  let sounding = 0;
  const title = document.title;
  const wanted = () => $('[data-alarm="unanswered"]') && !sessionStorage.getItem('quiet');
  const beep = () => {
    if (!audio || audio.state !== 'running') return;
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
    const on = Boolean(wanted());
    document.title = $('[data-alarm="unanswered"]') ? `● ${title}` : title;
    if (on && !sounding) { beep(); sounding = setInterval(beep, 2000); }
    if (!on && sounding) { clearInterval(sounding); sounding = 0; }
    const ask = $('#sound');
    if (ask) ask.hidden = !(on && (!audio || audio.state !== 'running'));
  };
  const allow = () => {
    if (!document.body.dataset.live) return;
    audio = audio || new (window.AudioContext || window.webkitAudioContext)();
    audio.resume().then(ring);
  };
  document.addEventListener('pointerdown', allow);
  document.addEventListener('keydown', allow);

  // Live: what changes is told by the feed, and looked at every half minute besides.
  const live = document.body.dataset.live;
  if (live && window.EventSource) {
    let timer = 0;
    const soon = () => { if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, 150); };
    const feed = new EventSource(live);
    for (const name of ['snapshot', 'changed', 'message']) feed.addEventListener(name, soon);
    const lost = (is) => { const sign = $('#lost'); if (sign) sign.hidden = !is; };
    feed.addEventListener('open', () => { lost(false); soon(); });
    feed.addEventListener('error', () => lost(true));
    setInterval(refresh, 30000);
    ring();
  }
})();
