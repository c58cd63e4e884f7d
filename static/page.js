// Optional improvements: every page also works without this script.
(() => {
  'use strict';

  // Shows every time on the reader's clock, with its time zone: the exact ones as text, and all of them as tooltips.
  // Without this script all of them are in UTC. The format is the reader's own variant of the page's language.
  const { lang } = document.documentElement;
  const locale = navigator.languages.find((language) => language.split('-', 1)[0] === lang) ?? lang;
  const format = new Intl.DateTimeFormat(locale, {
    year: 'numeric', month: 'long', day: 'numeric',
    hour: 'numeric', minute: '2-digit', timeZoneName: 'short',
  });
  const localise = (root) => {
    for (const time of root.querySelectorAll('time[datetime]')) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      const isExact = time.textContent === time.title;
      time.title = format.format(moment);
      if (isExact) time.textContent = time.title;
    }
  };
  localise(document);
  for (const note of document.querySelectorAll('[data-clock]')) {
    note.textContent = note.dataset.clock.replace('{zone}', format.resolvedOptions().timeZone);
  }

  // What came of a form takes the focus, unless a field does: it is read aloud, and Tab goes on from there.
  if (!document.querySelector('[autofocus]')) document.querySelector('main > .message[tabindex]')?.focus();

  // Sends each form once: ignores a second submit while the first is in flight.
  const sent = new Set();
  const release = (form) => {
    sent.delete(form);
    for (const button of form.querySelectorAll('button')) button.removeAttribute('aria-disabled');
  };
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    for (const button of form.querySelectorAll('button')) button.setAttribute('aria-disabled', 'true');
    setTimeout(release, 15000, form); // the user may have stopped the request
  });

  // A page in the browser's back/forward cache shows nothing until it was reloaded: its session may have ended meanwhile.
  const isSignedIn = document.body.dataset.session !== undefined;
  addEventListener('pagehide', (event) => {
    if (event.persisted && isSignedIn) document.documentElement.hidden = true;
  });
  addEventListener('pageshow', (event) => {
    for (const form of [...sent]) release(form);
    // Not a reload, which would send the form again whose answer the page may be.
    if (event.persisted && (isSignedIn || document.body.hasAttribute('data-reload'))) {
      location.replace(location.pathname + location.search);
    }
  });

  // The rest follows what keyrack.js tells of the session.

  // Removes all that is of the user, and says why.
  document.addEventListener('keyrack:session-ended', ({ detail }) => {
    const ended = document.getElementById('session-ended').content.cloneNode(true);
    if (detail.message) {
      const message = new DOMParser().parseFromString(detail.message, 'text/html');
      ended.querySelector('[data-message]').replaceChildren(...message.body.childNodes);
    }
    const link = ended.querySelector('a');
    link.href += `?next=${encodeURIComponent(location.pathname + location.search)}`;
    const heading = ended.querySelector('h1');
    document.title = heading.textContent;
    document.body.replaceChildren(ended);
    localise(document);
    heading.focus();
  });

  // Warns before the session expires. One key press stays.
  let warning;
  const dismiss = () => {
    warning?.close('dismissed'); // gives the focus back
    warning?.remove();
    warning = undefined;
  };
  document.addEventListener('keyrack:session-expiring', ({ detail }) => {
    dismiss();
    warning = document.getElementById('session-expiring').content.firstElementChild.cloneNode(true);
    for (const part of warning.querySelectorAll('[data-idle]')) part.hidden = (part.dataset.idle === 'true') !== detail.idle;
    const time = warning.querySelector('time');
    time.dateTime = detail.expires_at;
    time.textContent = time.title;
    const dialog = warning;
    dialog.addEventListener('close', async () => {
      if (!detail.idle || dialog.returnValue === 'dismissed') return;
      const stays = await fetch('/api/session', { cache: 'no-store' }).then(({ ok }) => ok, () => false);
      if (!stays && dialog.isConnected) dialog.showModal();
    });
    document.body.append(warning);
    localise(warning);
    warning.showModal();
  });
  document.addEventListener('keyrack:session-extended', dismiss);

  // Follows the list of devices. What is open, ticked or focused stays so.
  const region = () => document.querySelector('[data-event]');
  const states = (root) => ({
    open: [...root.querySelectorAll('details[open][id]')].map(({ id }) => id),
    ticked: [...root.querySelectorAll('input:checked')].map(({ id }) => id),
    hasFocus: root.contains(document.activeElement),
    focused: document.activeElement.id,
  });
  /** Whether a change of the list would be in the way: a form is being sent, or something is pressed or to be confirmed. */
  const isBusy = (present) => present.querySelector('[aria-disabled], .confirm[open]') || present.matches(':active');
  const refresh = async () => {
    while (isBusy(region())) await new Promise((resolve) => { setTimeout(resolve, 1000); });
    const response = await fetch(location.href, { headers: { 'keyrack-background': '1' }, cache: 'no-store' });
    if (!response.ok || response.redirected) return;
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('[data-event]');
    const present = region();
    if (!fresh || !present) return;
    // Something was begun while the list was on its way.
    if (isBusy(present)) return refresh();
    const { open, ticked, hasFocus, focused } = states(present);
    for (const id of open) fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute('open', '');
    for (const id of ticked) fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute('checked', '');
    localise(fresh);
    const announced = present.querySelector('[aria-live]')?.textContent;
    present.replaceWith(document.adoptNode(fresh));
    const target = (focused && fresh.querySelector(`#${CSS.escape(focused)}`)) || fresh.querySelector('h1');
    if (hasFocus) target.focus({ preventScroll: true });
    // A live region that is new says nothing: its text has to change.
    const status = fresh.querySelector('[aria-live]');
    if (status && status.textContent !== announced) {
      const text = status.textContent;
      status.textContent = '';
      setTimeout(() => { status.textContent = text; }, 100);
    }
  };
  let isRefreshing = false, isOutdated = false;
  const follow = async ({ detail }) => {
    if (!region() || detail.event === region().dataset.event) return;
    isOutdated = true;
    if (isRefreshing) return;
    isRefreshing = true;
    try {
      while (isOutdated) {
        isOutdated = false;
        await refresh();
      }
    } catch {
      // The next change tries again.
    }
    isRefreshing = false;
  };
  document.addEventListener('keyrack:open', follow);
  document.addEventListener('keyrack:sessions-changed', follow);
})();
