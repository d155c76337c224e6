// Adds to the plan that is clicked on: buildings are dragged there, and the numbers of the form follow; the form saves.
(() => {
  'use strict';
  const plan = document.querySelector('.ground');
  const help = document.querySelector('#drag');
  if (!plan || !help) return;
  help.hidden = false;
  const within = (part) => String(Math.max(0, Math.min(1000, Math.round(part * 1000))));
  for (const row of document.querySelectorAll('tr[data-name]')) {
    const [x, y] = row.querySelectorAll('input[inputmode]');
    const pin = document.createElement('span');
    pin.className = 'pin';
    pin.textContent = row.dataset.name;
    // Whoever cannot see it has the numbers.
    pin.ariaHidden = 'true';
    plan.append(pin);
    const stand = () => {
      pin.hidden = ![x, y].every((field) => /^\d+$/.test(field.value) && field.value <= 1000);
      if (pin.hidden) return;
      pin.style.left = `${x.value / 10}%`;
      pin.style.top = `${y.value / 10}%`;
      pin.classList.toggle('moved', x.value !== x.defaultValue || y.value !== y.defaultValue);
    };
    const put = (left, top) => { x.value = left; y.value = top; stand(); };
    // The pointer that drags it, where it has hold of it, and where it stood.
    let held = null;
    const leave = () => { if (held) put(...held.from); held = null; };
    pin.addEventListener('pointerdown', (event) => {
      if (held || event.button !== 0) return;
      event.preventDefault();
      pin.setPointerCapture(event.pointerId);
      const box = pin.getBoundingClientRect();
      held = {
        by: event.pointerId,
        left: event.clientX - box.left - box.width / 2,
        top: event.clientY - box.top - box.height / 2,
        from: [x.value, y.value],
      };
    });
    pin.addEventListener('pointermove', (event) => {
      if (held?.by !== event.pointerId) return;
      const box = plan.getBoundingClientRect();
      put(within((event.clientX - held.left - box.left) / box.width), within((event.clientY - held.top - box.top) / box.height));
    });
    pin.addEventListener('pointerup', (event) => { if (held?.by === event.pointerId) held = null; });
    pin.addEventListener('pointercancel', leave);
    document.addEventListener('keydown', (event) => { if (event.key === 'Escape') leave(); });
    [x, y].forEach((field) => field.addEventListener('input', stand));
    stand();
  }
})();
