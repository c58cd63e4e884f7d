// Shows at once that the session of this browser has ended, on Keyrack's own pages and on those of applications. Every page
// also works without this script: then the next request shows it. docs/live-pages.md tells how to use it.
//
// The pages of a browser share one stream of events: the page that holds a lock reads it, and tells the others.
(() => {
  'use strict';

  const script = document.currentScript;
  const base = new URL('..', script.src);
  const url = (path) => new URL(path, base).href;
  const isOwnPage = document.body.dataset.session !== undefined;
  /** The session that the page was made for. A page of an application learns it from the stream. */
  let session = document.body.dataset.session;
  /** The stream, on the page that reads it, and the last thing that it said at its beginning. */
  let stream, opened, release, waiting;
  let isOver = false, attempts = 0, timer, checkedAt = 0;
  const channel = new BroadcastChannel('keyrack');

  const tell = (name, detail) =>
    document.dispatchEvent(new CustomEvent(`keyrack:${name}`, { detail, cancelable: true }));

  const receive = ({ name, data }) => {
    if (isOver) return;
    if (name === 'hello') {
      if (opened) channel.postMessage({ name: 'open', data: opened });
      return;
    }
    if (session === undefined) session = data.session;
    if (session !== data.session) {
      // The browser has signed in anew since this page was made. What else is about another session is for other pages.
      if (name === 'open') isOwnPage ? location.reload() : end({ message: '' });
      return;
    }
    if (name === 'session-ended') end(data);
    else tell(name, data);
  };
  channel.onmessage = ({ data }) => receive(data);

  const share = (message) => {
    channel.postMessage(message);
    receive(message);
  };

  const end = (detail) => {
    isOver = true;
    stop();
    if (tell('session-ended', detail) && !isOwnPage) cover(detail);
  };

  /** Covers a page of an application that does not handle the event. Its words come with the event. */
  const cover = ({ message, action }) => {
    const dialog = document.createElement('dialog');
    const text = document.createElement('p');
    text.textContent = new DOMParser().parseFromString(message ?? '', 'text/html').body.textContent;
    const link = document.createElement('a');
    const next = base.origin === location.origin ? location.pathname + location.search : '';
    link.href = url(`login?next=${encodeURIComponent(next)}`);
    link.textContent = action ?? 'Sign in';
    dialog.style.font = '1.125rem/1.5 system-ui, sans-serif';
    dialog.style.maxWidth = '28rem';
    dialog.append(text, link);
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
  };

  /** Asks whether the session is alive: after a lost connection, and when the page comes back into view. */
  const check = async () => {
    checkedAt = Date.now();
    try {
      const response = await fetch(url('api/session'), {
        headers: { 'keyrack-background': '1' }, credentials: 'include', cache: 'no-store',
      });
      if (response.status === 401 && session !== undefined && !isOver) end({ message: '' });
      if (response.ok) receive({ name: 'open', data: { session: (await response.json()).session.id } });
    } catch {
      // Without a network, or while the server can't tell, nothing is known.
    }
  };

  const open = () => {
    const source = new EventSource(url('account/events'), { withCredentials: true });
    stream = source;
    for (const name of ['open', 'sessions-changed', 'session-expiring', 'session-extended', 'session-ended']) {
      source.addEventListener(name, (event) => {
        if (event.data === undefined) return; // the browser's own event of this name
        attempts = 0;
        const data = { session: opened?.session, ...JSON.parse(event.data), event: event.lastEventId };
        opened = name === 'open' ? data : { ...opened, event: data.event };
        share({ name, data });
      });
    }
    source.onerror = () => {
      source.close();
      if (stream !== source) return;
      stream = opened = undefined;
      // Growing pauses of a random length: after a restart, browsers come back one after the other.
      timer = setTimeout(async () => {
        await check();
        if (!isOver && release && session !== undefined) open();
      }, Math.min(60_000, 1000 * 2 ** attempts) * (0.5 + Math.random()));
      attempts += 1;
    };
  };

  /** Reads the stream as soon as no other page does. Without a secure context there is no lock, and each page reads. */
  const start = () => {
    if (isOver || waiting) return;
    waiting = new AbortController();
    const read = () => new Promise((resolve) => {
      release = resolve;
      open();
    });
    if (navigator.locks) navigator.locks.request('keyrack', { signal: waiting.signal }, read).catch(() => {});
    else read();
    channel.postMessage({ name: 'hello' });
  };

  const stop = () => {
    clearTimeout(timer);
    stream?.close();
    waiting?.abort();
    release?.();
    stream = opened = waiting = release = undefined;
  };

  addEventListener('pagehide', stop);
  addEventListener('pageshow', (event) => {
    if (!event.persisted || isOver) return;
    check();
    start();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && !isOver && Date.now() - checkedAt > 5000) check();
  });
  addEventListener('online', () => {
    if (!release || stream || isOver) return;
    clearTimeout(timer);
    open();
  });
  start();
})();
