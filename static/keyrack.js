// Shows at once that the session of this browser has ended, on Keyrack's own pages and on those of applications. Every page
// also works without this script: then the next request shows it. docs/live-pages.md tells how to use it.
//
// The pages that a browser has open of one origin share one stream of events: the page that holds a lock reads it, and tells
// the others. If it falls silent, because its tab is suspended or its script hangs, another page takes the lock.
(() => {
  'use strict';

  const script = document.currentScript;
  const base = new URL('..', script.src);
  const url = (path) => new URL(path, base).href;
  const NAME = `keyrack ${base.href}`; // of the lock and of the channel
  const isOwnPage = base.origin === location.origin && document.body.dataset.session !== undefined;
  /** The session that the page was made for. A page of an application learns it from the stream. */
  let session = isOwnPage ? document.body.dataset.session : undefined;
  /** Whether an application has made the page for a user who is signed in. */
  const isSignedIn = () => session !== undefined || script.dataset.signedIn !== undefined;
  /** The stream, on the page that reads it, what it said at its beginning, and its warning while that holds. */
  let stream, opened, warned, release, waiting;
  /** Whether the page was made for a visitor: it shows nothing that the end of a session would take away. */
  let isVisitors = false;
  let isOver = false, attempts = 0, timer, checkedAt = 0, heardAt = Date.now();
  /** The longest silence of a stream, or of the page that reads it, in milliseconds: twice that of the server, and more. */
  const SILENCE = 60_000;
  const me = String(Math.random());
  const channel = new BroadcastChannel(NAME);

  const tell = (name, detail) =>
    document.dispatchEvent(new CustomEvent(`keyrack:${name}`, { detail, cancelable: true }));

  const receive = ({ name, data }) => {
    if (isOver || isVisitors || name === 'here') return;
    if (session === undefined) {
      if (name !== 'open') return; // what it is about may be another session
      session = data.session;
    }
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
  channel.onmessage = ({ data: message }) => {
    const { name, from, to } = message;
    if (name === 'hello') {
      if (release) answer(from);
      return;
    }
    if (name !== 'stale') heardAt = Date.now();
    if (to === undefined || to === me) receive(message);
  };

  const share = (message) => {
    channel.postMessage(message);
    receive(message);
  };

  /** Tells a page that has just opened what it has missed, and that this page reads the stream. */
  const answer = (to) => {
    channel.postMessage({ name: 'here' });
    if (opened) channel.postMessage({ name: 'open', data: opened, to });
    if (warned) channel.postMessage({ name: 'session-expiring', data: warned, to });
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
    text.textContent = message.replace(/<[^>]*>/g, ''); // pages may forbid to parse HTML (Trusted Types)
    const link = document.createElement('a');
    const next = base.origin === location.origin ? location.pathname + location.search : '';
    link.href = script.dataset.signIn ?? url(`login?next=${encodeURIComponent(next)}`);
    link.textContent = action;
    dialog.style.font = '1.125rem/1.5 system-ui, sans-serif';
    dialog.style.maxWidth = '28rem';
    dialog.append(text, link);
    text.id = 'keyrack-ended';
    dialog.setAttribute('aria-labelledby', text.id);
    dialog.style.visibility = 'visible';
    dialog.addEventListener('close', () => dialog.showModal());
    document.body.style.visibility = 'hidden';
    document.body.append(dialog);
    dialog.showModal();
  };

  /**
   * Loads the page anew. A reload would send the form again whose answer the page may be. Once per minute: an application may
   * take a user for signed in whose session Keyrack does not know.
   */
  const load = () => {
    if (Date.now() - Number(sessionStorage.getItem(NAME)) < 60_000) return;
    sessionStorage.setItem(NAME, Date.now());
    location.replace(location.pathname + location.search);
  };

  const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

  /** Asks for the first event of a stream: no activity, and all that pages of other origins may read. */
  const ask = () => fetch(url('account/events?once'), { credentials: 'include', cache: 'no-store' });

  /** Asks whether the session is alive: after a lost connection, and when the page comes back into view. */
  const check = async () => {
    if (isVisitors) return;
    checkedAt = Date.now();
    try {
      let response = await ask();
      if (response.status === 401 && isSignedIn()) {
        // The answer that gives the session another cookie may still be on its way.
        await pause(2000);
        response = await ask();
      }
      if (isOver) return;
      if (response.status === 401) {
        if (isSignedIn()) return end({ message: '' });
        isVisitors = true;
      }
      if (!response.ok) return;
      const [, name, json] = /^event: (open|session-ended)\ndata: (.*)$/m.exec(await response.text()) ?? [];
      if (isOver || !name) return;
      const found = JSON.parse(json);
      if (session !== undefined && session !== found.session) return load(); // the browser has signed in anew
      session = found.session;
      if (name === 'session-ended') return end(found);
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
    source.addEventListener('beat', () => {
      heardAt = Date.now();
      channel.postMessage({ name: 'here' });
    });
    for (const name of ['open', 'sessions-changed', 'session-expiring', 'session-extended', 'session-ended']) {
      source.addEventListener(name, (event) => {
        if (event.data === undefined) return; // the browser's own event of this name
        attempts = 0;
        heardAt = Date.now();
        const data = { session: opened?.session, ...JSON.parse(event.data), event: event.lastEventId };
        opened = name === 'open' ? data : { ...opened, event: data.event };
        if (name !== 'sessions-changed') warned = name === 'session-expiring' ? data : undefined;
        share({ name, data });
      });
    }
    source.onerror = () => {
      source.close();
      if (stream !== source) return;
      stream = opened = warned = undefined;
      // Growing pauses of a random length: after a restart, browsers come back one after the other.
      timer = setTimeout(async () => {
        await check();
        if (isOver || stream || !release) return;
        // A visitor of an application: another page may read once the visitor signs in.
        if (isSignedIn()) open();
        else stop();
      }, Math.min(60_000, 4000 * 2 ** attempts) * (0.25 + Math.random()));
      attempts += 1;
    };
  };

  /**
   * Reads the stream as soon as no other page does, or at once (`steal`) in place of a page that is silent. Without a secure
   * context there is no lock, and each page reads.
   */
  const start = (steal = false) => {
    if (isOver || waiting) return;
    const own = new AbortController();
    waiting = own;
    heardAt = Date.now();
    const read = () => new Promise((resolve) => {
      release = resolve;
      channel.postMessage({ name: 'here' });
      open();
    });
    if (!navigator.locks) return read();
    navigator.locks.request(NAME, steal ? { steal } : { signal: own.signal }, read).catch(() => {
      if (waiting !== own) return; // this page has stopped
      stop();
      start(); // another one has taken the lock
    });
    channel.postMessage({ name: 'hello', from: me });
  };

  const stop = () => {
    clearTimeout(timer);
    stream?.close();
    waiting?.abort();
    release?.();
    stream = opened = warned = waiting = release = undefined;
  };

  /**
   * Takes the place of the page that reads the stream, if that does not answer. Pages in view only, after a pause of a random
   * length: the first one that takes the lock says so, and the others go on waiting.
   */
  const takeOver = async () => {
    const asked = heardAt;
    channel.postMessage({ name: 'hello', from: me });
    await pause(2000 + 3000 * Math.random());
    if (heardAt !== asked || isOver || !waiting || release || document.visibilityState !== 'visible') return;
    stop();
    start(true);
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
  const isSilent = () => Date.now() - heardAt > SILENCE;
  addEventListener('online', reopen);
  setInterval(() => {
    if (!isSilent()) return;
    if (stream) reopen();
    else if (waiting && !release) takeOver();
  }, SILENCE / 3);
  start();
})();
