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
  for (const time of document.querySelectorAll('time[datetime]')) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const isExact = time.textContent === time.title;
    time.title = format.format(moment);
    if (isExact) time.textContent = time.title;
  }

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

  // A page from the browser's back/forward cache may be out of date: enables its forms again and reloads it.
  addEventListener('pageshow', (event) => {
    for (const form of [...sent]) release(form);
    if (event.persisted && document.body.hasAttribute('data-reload')) location.reload();
  });
})();
