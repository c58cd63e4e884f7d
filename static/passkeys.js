// Passkeys: asks the browser for one, and puts its answer into the form. Pages that can do without one work without this
// script, and others say that they need it. docs/passkeys.md describes the ways.
(() => {
  'use strict';

  /** How long a challenge is used that waits for a passkey in the list of suggestions: less than the server takes it. */
  const REFRESH = 4 * 60_000;

  const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const decode = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

  // Not the browser's own functions for JSON: password managers that answer in its place don't have them all.
  const decodeOptions = (options) => {
    const credential = (descriptor) => ({ ...descriptor, id: decode(descriptor.id) });
    const decoded = { ...options, challenge: decode(options.challenge) };
    if (options.user) decoded.user = { ...options.user, id: decode(options.user.id) };
    for (const key of ['allowCredentials', 'excludeCredentials']) decoded[key] = options[key]?.map(credential) ?? [];
    return decoded;
  };
  const encodeAnswer = (credential) => {
    const { id, rawId, type, response } = credential;
    const clientExtensionResults = credential.getClientExtensionResults();
    const encoded = { clientDataJSON: encode(response.clientDataJSON) };
    for (const key of ['attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
      if (response[key]) encoded[key] = encode(response[key]);
    }
    if (response.getTransports) encoded.transports = response.getTransports();
    return JSON.stringify({ id, rawId: encode(rawId), type, response: encoded, clientExtensionResults });
  };

  // Tells the password managers of this device which passkeys there are, where the browser can.
  const signal = (name, details) => globalThis.PublicKeyCredential?.[name]?.(details).catch(() => {});
  const account = document.querySelector('[data-passkeys]')?.dataset;
  if (account) {
    const { site: rpId, user: userId, name, displayName } = account;
    const allAcceptedCredentialIds = account.passkeys.split(' ').filter(Boolean);
    signal('signalAllAcceptedCredentials', { rpId, userId, allAcceptedCredentialIds });
    signal('signalCurrentUserDetails', { rpId, userId, name, displayName });
  }

  const form = document.querySelector('form[data-passkey]');
  if (!form) return;
  const isNew = form.dataset.passkey === 'create';
  const button = form.querySelector('[data-passkey-button]');
  const note = form.querySelector('[data-passkey-note]');
  const texts = form.querySelector('[data-passkey-texts]').content;
  const say = (key) => { note.textContent = texts.querySelector(`[data-${key}]`).textContent; };

  if (form.dataset.unknown) {
    signal('signalUnknownCredential', { rpId: form.dataset.site, credentialId: form.dataset.unknown });
  }
  if (!globalThis.PublicKeyCredential) {
    if (isNew) say('unsupported');
    return;
  }
  button.hidden = false;

  /** The options, and the challenge that the form returns: from the page, or from the server if they would become too old. */
  const load = async () => {
    const { options, challenge, source } = form.dataset;
    if (!source) return { options: JSON.parse(options), challenge };
    const response = await fetch(source, { cache: 'no-store' });
    if (!response.ok) throw new Error(`no challenge: ${response.status}`);
    return response.json();
  };

  let controller;
  const ask = async (mediation) => {
    controller?.abort();
    const own = new AbortController();
    controller = own;
    const { options, challenge } = await load();
    if (own.signal.aborted) return;
    const request = { publicKey: decodeOptions(options), signal: own.signal };
    const credential = isNew
      ? await navigator.credentials.create(request)
      : await navigator.credentials.get(mediation ? { ...request, mediation } : request);
    if (!credential || own.signal.aborted) return;
    form.elements.passkey.value = encodeAnswer(credential);
    form.elements.challenge.value = challenge;
    const password = form.querySelector('input[type=password]');
    if (password) password.value = '';
    form.noValidate = true;
    form.requestSubmit();
  };

  // A passkey that is among the suggestions of a field. Its challenge is renewed while the page is open.
  let canSuggest = false, suggestedAt = 0;
  const suggest = async () => {
    if (!canSuggest || document.hidden || Date.now() - suggestedAt < REFRESH) return;
    suggestedAt = Date.now();
    try {
      await ask('conditional');
    } catch {
      // It was aborted, or the user chose to type; the button asks again.
    }
  };
  const start = async () => {
    canSuggest = Boolean(form.dataset.source && await PublicKeyCredential.isConditionalMediationAvailable?.());
    if (!canSuggest) return;
    suggest();
    setInterval(suggest, REFRESH / 8);
    document.addEventListener('visibilitychange', suggest);
  };

  button.addEventListener('click', async () => {
    note.textContent = '';
    try {
      await ask();
    } catch (error) {
      if (error.name === 'AbortError') return;
      say(error.name === 'InvalidStateError' ? 'exists' : 'cancelled');
      suggestedAt = 0;
      suggest();
    }
  });
  // The page may be shown again by the browser's back button, with what was sent.
  addEventListener('pageshow', () => {
    form.elements.passkey.value = '';
    form.noValidate = false;
  });
  start();
})();
