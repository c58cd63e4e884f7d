// Processes: everything that is started here is ended here, by its id, whatever happens.

import { spawn } from 'node:child_process';

const running = new Set();
let ending = false;

/** Whether everything is being ended: what fails from here on fails because of that, and nothing new may start. */
export function isEnding() {
  return ending;
}

function launch(...args) {
  if (ending) throw new Error('everything is being ended');
  return spawn(...args);
}

/** Starts a process that goes on by itself. What it prints is kept for the message should it end too early. */
export function start(command, args, { env = {}, cwd, uid, gid, stopSignal = 'SIGTERM' } = {}) {
  const child = launch(command, args, {
    cwd, uid, gid,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a Ctrl-C reaches this program alone, which then ends the others in order
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

/** Ends a process that was started here: kindly at first. */
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
    child.stdin.on('error', () => {}); // it ended before it had read everything: its status says so
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

/** Ends all that still runs, the last started first. */
export async function stopAll() {
  ending = true;
  for (const child of [...running].reverse()) await stop(child);
}

/** Nobody's own settings may change what is measured. */
function cleanEnvironment() {
  const names = Object.keys(process.env).filter((name) => !/^(KEYRACK_|PG|DATABASE_URL$|NODE_OPTIONS$)/.test(name));
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}
