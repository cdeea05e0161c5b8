/**
 * The script of pages. It shows times in the reader's zone and tips beside the pointer, and refreshes a page of the present
 * every 15 seconds. Pages work without it.
 */

const refreshMs = 15_000;
const pad = (number) => String(number).padStart(2, '0');

function localise(root) {
  for (const element of root.querySelectorAll('time[datetime]')) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const day = `${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
    const minute = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
    const [, year] = /^(\d{4}-)?\d\d-\d\d \d\d:\d\d$/.exec(element.textContent.trim()) ?? [null, null];
    if (year !== null) element.textContent = `${year ? `${at.getFullYear()}-` : ''}${day} ${minute}`;
    element.title = at.toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'long' });
  }
  // Our own tip replaces the browser's.
  for (const title of root.querySelectorAll('svg title')) {
    const described = title.parentElement;
    described.dataset.tip = title.textContent;
    // The title was also the name of a link.
    if (described instanceof SVGAElement) described.setAttribute('aria-label', title.textContent);
    title.remove();
  }
  for (const zone of root.querySelectorAll('[data-zone]')) {
    zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}

const tip = document.createElement('div');
tip.className = 'tip';
tip.hidden = true;
document.body.append(tip);

function showTip(target) {
  const described = target instanceof Element ? target.closest('[data-tip]') : null;
  if (!described) {
    tip.hidden = true;
    return;
  }
  tip.textContent = described.dataset.tip;
  tip.hidden = false;
  const box = described.getBoundingClientRect();
  const left = Math.min(
    Math.max(box.left + box.width / 2 - tip.offsetWidth / 2, 4),
    innerWidth - tip.offsetWidth - 4,
  );
  const above = box.top - tip.offsetHeight - 6;
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${(above < 4 ? box.bottom + 6 : above) + scrollY}px`;
}
document.addEventListener('pointerover', ({ target }) => showTip(target));
document.addEventListener('focusin', ({ target }) => showTip(target));
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') tip.hidden = true;
});

/** The open details and the focused element, by their positions. */
function placesOf(main) {
  const details = [...main.querySelectorAll('details')].map(({ open }) => open);
  const links = [...main.querySelectorAll('a, summary, button, input')];
  return { details, focused: links.indexOf(document.activeElement) };
}

function restore(main, { details, focused }) {
  for (const [index, element] of main.querySelectorAll('details').entries())
    element.open = details[index] ?? false;
  if (focused >= 0)
    main.querySelectorAll('a, summary, button, input')[focused]?.focus({ preventScroll: true });
}

function isBusy(main) {
  const selection = getSelection();
  const isSelecting = selection !== null && !selection.isCollapsed && main.contains(selection.anchorNode);
  return isSelecting || document.activeElement?.tagName === 'INPUT' || document.hidden;
}

async function refresh() {
  const main = document.querySelector('main[data-live]');
  if (!main) return;
  try {
    if (!isBusy(main)) {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const fresh = next.querySelector('main[data-live]');
      if (answer.ok && fresh && !isBusy(main)) {
        const places = placesOf(main);
        const [x, y] = [scrollX, scrollY];
        main.replaceChildren(...fresh.childNodes);
        document.title = next.title;
        localise(main);
        restore(main, places);
        scrollTo(x, y);
      }
    }
  } catch {
    // The exporter does not answer: the page stays until the next try.
  }
  setTimeout(refresh, refreshMs);
}

localise(document);
setTimeout(refresh, refreshMs);
