// A device with passkeys, which Chromium simulates: it asks for neither a finger nor a PIN.

/** Adds one to the browser of a device. */
export async function addAuthenticator(device, options = {}) {
  const cdp = await device.page.context().newCDPSession(device.page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      ...options,
    },
  });
  const send = (command, more = {}) => cdp.send(`WebAuthn.${command}`, { authenticatorId, ...more });
  return {
    /** The passkeys that it has. */
    credentials: async () => (await send('getCredentials')).credentials,
    add: (credential) => send('addCredential', { credential }),
    /** Whether it answers at once. */
    answers: (enabled) => send('setAutomaticPresenceSimulation', { enabled }),
    verifiesUser: (isUserVerified) => send('setUserVerified', { isUserVerified }),
  };
}
