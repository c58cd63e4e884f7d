// The one pool of connections, for the application's own statements and for its session store.

import pg from 'pg';

if (!process.env.DATABASE_URL) throw new Error('set DATABASE_URL, as in postgres://USER@HOST/DATABASE');

export const database = new pg.Pool({ connectionString: process.env.DATABASE_URL });

// A connection that breaks while it is idle is replaced; without a listener, it would end the program.
database.on('error', (error) => console.error(`database: ${error.message}`));
