// Small comforts. Every page works without this file.
(() => {
  'use strict';

  // Times: show the reader's own time in the tooltip.
  const format = new Intl.DateTimeFormat(undefined, {
    year: 'numeric', month: 'long', day: 'numeric',
    hour: 'numeric', minute: '2-digit', timeZoneName: 'short',
  });
  for (const time of document.querySelectorAll('time[datetime]')) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.title = format.format(moment);
  }

  // Forms: send each one once.
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
    setTimeout(release, 15000, form); // a request that was stopped can be sent again
  });

  // A page kept by the browser may be out of date: free its forms, then fetch it anew.
  addEventListener('pageshow', (event) => {
    for (const form of [...sent]) release(form);
    if (event.persisted && document.body.hasAttribute('data-reload')) location.reload();
  });
})();
