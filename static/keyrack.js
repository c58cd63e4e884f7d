// Optional improvements: every page also works without this script.
(() => {
  'use strict';

  // Shows each time in the reader's time zone, as a tooltip.
  const format = new Intl.DateTimeFormat(undefined, {
    year: 'numeric', month: 'long', day: 'numeric',
    hour: 'numeric', minute: '2-digit', timeZoneName: 'short',
  });
  for (const time of document.querySelectorAll('time[datetime]')) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.title = format.format(moment);
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
