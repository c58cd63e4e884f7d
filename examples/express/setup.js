// Creates the tables that are missing, and a user to sign in as.

import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

import bcrypt from 'bcryptjs';

import { database } from './database.js';

export const DEMO_USER = { email: 'rajat.verma@example.com', password: 'four birds under one roof' };

const TABLES = `
  CREATE TABLE IF NOT EXISTS users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email varchar(254) NOT NULL UNIQUE,
    user_name varchar(64),
    first_name varchar(64),
    last_name varchar(64),
    role varchar(16) NOT NULL DEFAULT 'user',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
  );

  -- The bcrypt hash of the password, in a separate column: Keyrack has another one.
  ALTER TABLE users ADD COLUMN IF NOT EXISTS password text;

  -- Sign-ins: which user, from where, and when they signed out.
  CREATE TABLE IF NOT EXISTS sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    sid varchar NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES users (id),
    status varchar(16) NOT NULL DEFAULT 'active',
    ip_address varchar(45),
    user_agent text,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    logged_out_at timestamptz
  );
`;

/** Creates what is missing. It can run at every start. */
export async function setUp() {
  await database.query(TABLES);
  await createSessionStore();
  await addDemoUser();
}

/** Creates the table of session data, from the file that connect-pg-simple provides. */
async function createSessionStore() {
  const { rows: [{ exists }] } = await database.query("SELECT to_regclass('user_sessions') IS NOT NULL AS exists");
  if (exists) return;
  const sql = await readFile(new URL(import.meta.resolve('connect-pg-simple/table.sql')), 'utf8');
  await database.query(sql.replaceAll('"session"', '"user_sessions"'));
}

async function addDemoUser() {
  await database.query(
    `INSERT INTO users (email, first_name, last_name, password)
     SELECT $1, 'Rajat', 'Verma', $2 WHERE NOT EXISTS (SELECT FROM users)`,
    [DEMO_USER.email, await bcrypt.hash(DEMO_USER.password, 10)],
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setUp();
  await database.end();
  console.log(`ready: sign in as ${DEMO_USER.email} with "${DEMO_USER.password}"`);
}
