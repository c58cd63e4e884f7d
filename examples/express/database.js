// The connection pool of the application and its session store.

import pg from 'pg';

if (!process.env.DATABASE_URL) throw new Error('set DATABASE_URL, as in postgres://USER@HOST/DATABASE');

export const database = new pg.Pool({ connectionString: process.env.DATABASE_URL });

// The pool replaces a connection that breaks while idle. Without a listener, the error would end the program.
database.on('error', (error) => console.error(`database: ${error.message}`));
