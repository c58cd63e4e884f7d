// CPU time and memory of processes, from /proc.

import { readFileSync, readdirSync } from 'node:fs';

/** The clock ticks of /proc are hundredths of a second, on every kernel. */
const MICROSECONDS_PER_TICK = 10_000;
const PAGE_BYTES = 4096;

/** A process and all of its descendants. */
export function tree(root) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(name) : null;
    if (stat) children.set(stat.parent, [...(children.get(stat.parent) ?? []), stat.pid]);
  }
  const found = [];
  const add = (pid) => {
    found.push(pid);
    (children.get(pid) ?? []).forEach(add);
  };
  add(root);
  return found;
}

/**
 * User and system time of a process and its descendants, in microseconds. That of ended descendants counts once their
 * parent has waited for them.
 */
export function cpuOf(root) {
  return tree(root).reduce((sum, pid) => sum + (read(pid)?.ticks ?? 0), 0) * MICROSECONDS_PER_TICK;
}

/** Resident memory of a process and its descendants, in MB. Shared pages count for each of them. */
export function memoryOf(root) {
  const pages = (pid) => {
    try {
      return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
    } catch {
      return 0; // it has just ended
    }
  };
  return (tree(root).reduce((sum, pid) => sum + pages(pid), 0) * PAGE_BYTES) / 1e6;
}

function read(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may contain anything; numbers follow.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
    return { pid: Number(pid), parent: Number(fields[1]), ticks: user + system + childrenUser + childrenSystem };
  } catch {
    return null; // it has just ended
  }
}
