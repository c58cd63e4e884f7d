// Processes: everything started here is stopped here by its id, whatever happens.

import { spawn } from 'node:child_process';

const running = new Set();
let ending = false;

/** Whether all processes are being stopped: failures from here on are caused by that, and no new process may start. */
export function isEnding() {
  return ending;
}

function launch(...args) {
  if (ending) throw new Error('all processes are being stopped');
  return spawn(...args);
}

/**
 * Starts a process in the background. The end of its output is kept for the error message should it end too early. Its
 * standard input stays open for as long as this program lives.
 */
export function start(command, args, { env = {}, cwd, uid, gid, stopSignal = 'SIGTERM' } = {}) {
  const child = launch(command, args, {
    cwd, uid, gid,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // Ctrl-C reaches this program only, which then stops the others in order
  });
  const tail = [];
  const keep = (chunk) => {
    tail.push(chunk.toString());
    if (tail.length > 50) tail.shift();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.stopSignal = stopSignal;
  child.output = () => tail.join('');
  child.ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? code));
  });
  child.ended.then(() => running.delete(child));
  running.add(child);
  return child;
}

/** Stops a process that was started here: by its stop signal, and after 10 s by SIGKILL. */
export async function stop(child) {
  if (!running.has(child)) return;
  child.kill(child.stopSignal ?? 'SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await child.ended;
  clearTimeout(late);
}

/** Runs a program to its end and returns what it printed. */
export async function run(command, args, { input, show = false, ...options } = {}) {
  const child = launch(command, args, {
    ...options,
    env: { ...cleanEnvironment(), ...options.env },
    stdio: [input === undefined ? 'ignore' : 'pipe', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    detached: !show,
  });
  running.add(child);
  const out = [];
  const errors = [];
  child.stdout?.on('data', (chunk) => out.push(chunk));
  child.stderr?.on('data', (chunk) => errors.push(chunk));
  if (input !== undefined) {
    child.stdin.on('error', () => {}); // it ended before it had read everything: its exit status tells
    child.stdin.end(input);
  }
  child.ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  const status = await child.ended;
  running.delete(child);
  if (status !== 0) {
    throw new Error(`${command} ${args.slice(0, 4).join(' ')}: ${status}\n${Buffer.concat(errors)}`);
  }
  return Buffer.concat(out).toString();
}

/** Stops all processes that still run, the last started first. */
export async function stopAll() {
  ending = true;
  for (const child of [...running].reverse()) await stop(child);
}

/** Without the caller's own settings, which would change what is measured. */
function cleanEnvironment() {
  const names = Object.keys(process.env).filter((name) => !/^(KEYRACK_|PG|DATABASE_URL$|NODE_OPTIONS$)/.test(name));
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}
