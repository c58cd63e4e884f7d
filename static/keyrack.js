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
  let isOver = false, attempts = 0, timer, checkedAt = 0, heardAt = 0;
  /** The longest silence on a stream that is alive, in milliseconds: twice that of the server, and more. */
  const SILENCE = 60_000;
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
    // What is about another session is for other pages. Which one the browser has now, the answer to a request tells: the
    // page that reads the stream may be the one that is out of date.
    if (session !== data.session) {
      if (name === 'open') channel.postMessage({ name: 'stale', data: { session } });
      if (name === 'open' || name === 'stale') checkSoon();
      return;
    }
    if (name === 'stale') return;
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
    if (!message) return load();
    const dialog = document.createElement('dialog');
    const text = document.createElement('p');
    text.textContent = new DOMParser().parseFromString(message, 'text/html').body.textContent;
    const link = document.createElement('a');
    const next = base.origin === location.origin ? location.pathname + location.search : '';
    link.href = url(`login?next=${encodeURIComponent(next)}`);
    link.textContent = action;
    dialog.style.font = '1.125rem/1.5 system-ui, sans-serif';
    dialog.style.maxWidth = '28rem';
    dialog.append(text, link);
    dialog.style.visibility = 'visible';
    dialog.addEventListener('close', () => dialog.showModal());
    document.body.style.visibility = 'hidden';
    document.body.append(dialog);
    dialog.showModal();
  };

  /** Loads the page anew. A reload would send the form again whose answer the page may be. */
  const load = () => location.replace(location.pathname + location.search);

  const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

  const ask = () => fetch(url('api/session'), {
    headers: { 'keyrack-background': '1' }, credentials: 'include', cache: 'no-store',
  });

  /** Asks whether the session is alive: after a lost connection, and when the page comes back into view. */
  const check = async () => {
    checkedAt = Date.now();
    try {
      let response = await ask();
      if (response.status === 401 && session !== undefined) {
        // The answer that gives the session another cookie may still be on its way.
        await pause(2000);
        response = await ask();
      }
      if (isOver) return;
      if (response.status === 401 && session !== undefined) return end({ message: '' });
      if (!response.ok) return;
      const found = (await response.json()).session.id;
      if (session !== undefined && session !== found) return load(); // the browser has signed in anew
      session = found;
      if (!waiting) start();
      else if (release && !stream) open();
    } catch {
      // Without a network, or while the server can't tell, nothing is known.
    }
  };

  const checkSoon = () => {
    if (Date.now() - checkedAt > 2000) check();
  };

  const open = () => {
    clearTimeout(timer);
    const source = new EventSource(url('account/events'), { withCredentials: true });
    stream = source;
    heardAt = Date.now();
    source.addEventListener('beat', () => { heardAt = Date.now(); });
    for (const name of ['open', 'sessions-changed', 'session-expiring', 'session-extended', 'session-ended']) {
      source.addEventListener(name, (event) => {
        if (event.data === undefined) return; // the browser's own event of this name
        attempts = 0;
        heardAt = Date.now();
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
        if (isOver || stream || !release) return;
        // A visitor of an application: another page may read once the visitor signs in.
        if (session === undefined) stop();
        else open();
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
    if (document.visibilityState === 'visible' && !isOver) checkSoon();
  });
  /** Opens the stream again if the network was lost without a word. */
  const reopen = () => {
    if (!release || isOver || session === undefined) return;
    stream?.close();
    open();
  };
  addEventListener('online', reopen);
  setInterval(() => {
    if (stream && Date.now() - heardAt > SILENCE) reopen();
  }, SILENCE / 3);
  start();
})();
