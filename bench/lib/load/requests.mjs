// HTTP requests as text, and files of them for wrk.

import { writeFileSync } from 'node:fs';

/** An authenticated GET. */
export function get(path, cookie) {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\n\r\n`;
}

/** A POST of a form. */
export function post(path, fields, cookie) {
  const body = new URLSearchParams(fields).toString();
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  if (cookie) head.push(`Cookie: ${cookie}`);
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Writes requests to a file, separated by NUL, which none of them contains. */
export function save(file, requests) {
  writeFileSync(file, requests.join('\0'));
  return file;
}
