// The two pages. All user input is escaped.

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escape = (text) => String(text).replace(/[&<>"']/g, (character) => ESCAPES[character]);

const page = (title, content, head = '') => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }
  label, input, button { display: block; font: inherit; }
  input { margin-bottom: 1rem; padding: .4rem; width: 100%; box-sizing: border-box; }
  .bad { color: #a11; }
</style>
${head}
<h1>${escape(title)}</h1>
${content}
</html>
`;

export const signInPage = ({ email = '', failed = false } = {}) => page('Sign in to the shop', `
${failed ? '<p class="bad" role="alert">Invalid email or password.</p>' : ''}
<form method="post" action="/sign-in">
  <label>Email <input name="email" type="email" value="${escape(email)}" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Sign in</button>
</form>`);

/** `keyrack` is the address of Keyrack: empty if a proxy serves both under one. */
export const shopPage = ({ email, cart, keyrack }) => page('The shop', `
<p>Signed in as <strong>${escape(email)}</strong>.</p>
<p>In your cart: ${cart.length === 0 ? 'nothing yet' : escape(cart.join(', '))}.</p>
<form method="post" action="/cart">
  <label>Put into the cart <input name="item" maxlength="40" required></label>
  <button>Add</button>
</form>
<p><a href="${escape(keyrack)}/account/sessions">Your devices</a>: where else you are signed in, and how to end that.</p>
<form method="post" action="/sign-out"><button>Sign out</button></form>`,
`<script src="${escape(keyrack)}/static/keyrack.js" defer data-signed-in data-sign-in="/sign-in"></script>`);
