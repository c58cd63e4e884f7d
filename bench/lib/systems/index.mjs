// All systems, in the order of the tables.

import { KeyrackPostgres, KeyrackSqlite } from './keyrack.mjs';
import { ActixRedis, AxumPostgres, AxumSqlite, Bare, Express, ExpressDisableTouch } from './peers.mjs';

const ALL = [
  KeyrackSqlite, KeyrackPostgres, AxumSqlite, AxumPostgres, ActixRedis, Express, ExpressDisableTouch, Bare,
];

/** The systems whose name begins with one of `names`, or all. */
export function systems(host, names) {
  const all = ALL.map((Kind) => new Kind(host));
  const chosen = names ? all.filter((system) => names.some((name) => system.name.startsWith(name))) : all;
  if (chosen.length === 0) {
    throw new Error(`unknown system; use ${all.map(({ name }) => name).join(', ')}`);
  }
  return chosen;
}
