// The mail server of the tests: SMTP with STARTTLS or TLS and authentication. It writes each mail that it accepts to a
// file, as a line of JSON, before it says so. Its options come as JSON from the variable OPTIONS:
//
//   port        the port; 0 chooses one
//   file        where accepted mails are written
//   run         a number that stands in each line
//   secure      TLS from the first byte
//   startTls    whether STARTTLS is offered; by default, it is
//   key, cert   files in PEM; without them, no TLS can succeed
//   user, pass  who may sign in; without them, everyone may send
//   inject      what follows the answer to STARTTLS in the same packet, unencrypted, as an attacker would put it there
//   refuse      answers to recipients, as { "address": "550 5.1.1 No such user" }

import { appendFileSync, readFileSync } from 'node:fs';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';

const options = JSON.parse(process.env.OPTIONS);
const refusal = (code, message) => Object.assign(new Error(message), { responseCode: code });
const recipients = (session) => session.envelope.rcptTo.map(({ address }) => address);

const server = new SMTPServer({
  secure: options.secure ?? false,
  key: options.key && readFileSync(options.key),
  cert: options.cert && readFileSync(options.cert),
  hideSTARTTLS: !(options.startTls ?? true),
  authOptional: !options.user,
  disabledCommands: options.user ? [] : ['AUTH'],
  // For a server on the same machine.
  allowInsecureAuth: true,
  disableReverseLookup: true,
  logger: false,
  onAuth({ username, password }, session, done) {
    const isRight = username === options.user && password === options.pass;
    // Repeats the password, as a careless server might.
    done(isRight ? null : refusal(535, `5.7.8 ${username} ${password}: authentication failed`), { user: username });
  },
  onRcptTo({ address }, session, done) {
    const answer = options.refuse?.[address];
    done(answer ? refusal(Number(answer.slice(0, 3)), answer.slice(4)) : null);
  },
  onData(stream, session, done) {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      const mail = {
        run: options.run ?? 0,
        from: session.envelope.mailFrom.address,
        to: recipients(session),
        hello: session.hostNameAppearsAs,
        secure: session.secure,
        user: session.user ?? null,
        content: Buffer.concat(chunks).toString('latin1'),
      };
      appendFileSync(options.file, `${JSON.stringify(mail)}\n`);
      done(null, '2.0.0 accepted');
    });
  },
});

if (options.inject) {
  const { handler_STARTTLS: startTls } = SMTPConnection.prototype;
  SMTPConnection.prototype.handler_STARTTLS = function (command, callback) {
    const socket = this._socket;
    const write = socket.write.bind(socket);
    socket.write = (answer, ...rest) => {
      socket.write = write;
      return write(answer + options.inject, ...rest);
    };
    return startTls.call(this, command, callback);
  };
}

// A client that does not trust the certificate breaks the connection off.
server.on('error', () => {});
server.listen(options.port ?? 0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.server.address().port}`));
