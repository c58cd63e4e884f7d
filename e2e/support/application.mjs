// Applications whose pages follow the session of their user: a small one, and the shop of `examples/express/`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Starts a server on a free port of the host that Keyrack has, too: another origin of the same site. */
async function listen(answer) {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: async () => {
      server.closeAllConnections?.();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Passes a request on, as a reverse proxy does. */
function forward(target, incoming, response) {
  const { method, headers, url } = incoming;
  const passed = request(new URL(url, target), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  response.on('close', () => passed.destroy());
  passed.on('error', () => response.destroy());
  incoming.pipe(passed);
}

/**
 * Serves one page, whose policy allows no more than the guide names. `origin` is that of the script: Keyrack's, or '' behind
 * the same proxy.
 */
export const startApplication = (origin, { attributes = '', keyrackUrl } = {}) => listen((incoming, response) => {
  if (incoming.url !== '/app' && keyrackUrl) return forward(keyrackUrl, incoming, response);
  const source = origin || "'self'";
  const policy = `default-src 'none'; script-src ${source}; connect-src ${source}; require-trusted-types-for 'script'`;
  response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy });
  response.end(`<!doctype html><html lang="en"><title>Shop</title>
    <script src="${origin}/static/keyrack.js" defer ${attributes}></script>
    <h1>The shop</h1><p>Your secret order</p>`);
});

/** Serves both under one origin: the paths of the shop, and otherwise Keyrack. */
export const startProxy = (shopUrl, keyrackUrl) => listen((incoming, response) => {
  const isShop = ['/', '/sign-in', '/sign-out', '/cart'].includes(incoming.url);
  forward(isShop ? shopUrl : keyrackUrl, incoming, response);
});

/** Whether the packages of the shop are installed (`npm ci` in `examples/express/`). */
export const hasShop = existsSync(new URL('../../examples/express/node_modules/connect-pg-simple', import.meta.url));

/** Starts the shop of `examples/express/` beside Keyrack. `keyrackUrl` is '' behind the same proxy. */
export async function startShop(databaseUrl, secrets, keyrackUrl) {
  const program = fileURLToPath(new URL('../../examples/express/server.js', import.meta.url));
  const settings = { DATABASE_URL: databaseUrl, SESSION_SECRETS: secrets, PORT: '0', KEYRACK_URL: keyrackUrl };
  const env = { PATH: process.env.PATH, ...settings };
  const shop = spawn('node', [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = () => shop.kill('SIGKILL');
  process.once('exit', stop);
  const exited = once(shop, 'exit').then(([code]) => { throw new Error(`the shop stopped with ${code}`); });
  const [line] = await Promise.race([once(createInterface({ input: shop.stdout }), 'line'), exited]);
  exited.catch(() => {});
  return {
    url: line.replace('listening on ', ''),
    stop: async () => {
      stop();
      await once(shop, 'exit');
      process.off('exit', stop);
    },
  };
}
