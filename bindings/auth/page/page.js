// The sign-in page. No libraries, no other origin: it speaks to the pool's endpoints alone.
const facts = JSON.parse(document.getElementById('facts').textContent);
const view = document.getElementById('view');
const message = document.getElementById('message');
const query = new URLSearchParams(location.search);
/** A signed query of another application that signs in with this pool. */
const oauthQuery = query.has('sig') ? location.search.slice(1) : undefined;

const words = {
  INVALID_EMAIL_OR_PASSWORD: 'The address or the password is wrong.',
  EMAIL_NOT_VERIFIED: 'Your address is not confirmed yet: open the link in the message we sent.',
  TOO_MANY_ATTEMPTS: 'Too many attempts. Wait a little, or reset the password.',
  PASSWORD_TOO_SHORT: `Use ${facts.passwordLength} characters or more.`,
  INVALID_CODE: 'The code is wrong.',
  INVALID_TOKEN: 'The link is no longer good.',
  TOKEN_EXPIRED: 'The link is no longer good.',
};

function say(text, isError = false) {
  message.textContent = text;
  message.classList.toggle('error', isError);
}

async function ask(path, body) {
  const init =
    body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(facts.base + path, { credentials: 'same-origin', ...init });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok)
    throw new Error(words[answer?.code] ?? answer?.message ?? 'This did not work; try again.');
  return answer;
}

/** Runs an action of a person; what fails is said. */
async function act(work) {
  say('');
  const buttons = [...view.querySelectorAll('button')];
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } catch (error) {
    say(error.name === 'NotAllowedError' ? 'Nothing was chosen.' : error.message, true);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function field(name, label, properties) {
  return element('label', {}, label, element('input', { name, required: true, ...properties }));
}

function form(id, fields, submit, work) {
  const made = element('form', { id }, ...fields, element('button', { className: 'main' }, submit));
  made.addEventListener('submit', (event) => {
    event.preventDefault();
    void act(() => work(Object.fromEntries(new FormData(made))));
  });
  return made;
}

function button(id, label, work, className = '') {
  const made = element('button', { id, type: 'button', className }, label);
  made.addEventListener('click', () => void act(work));
  return made;
}

const email = (extra) =>
  field('email', 'E-mail', { type: 'email', autocomplete: 'username webauthn', ...extra });
const password = (label, autocomplete) =>
  field('password', label, {
    type: 'password',
    autocomplete,
    minLength: autocomplete === 'new-password' ? facts.passwordLength : 1,
    maxLength: 256,
  });

function show(...children) {
  view.replaceChildren(...children);
  view.querySelector('input')?.focus();
}

function signInBody(given) {
  return { ...given, ...(oauthQuery === undefined ? {} : { oauth_query: oauthQuery }) };
}

/** After signing in: to the second factor, back to the application that asked, or to the page that was wanted. */
function signedIn(answer) {
  if (answer.twoFactorRedirect) return showSecond();
  const url = answer.redirect === true && typeof answer.url === 'string' ? answer.url : facts.to;
  location.assign(url);
  return undefined;
}

function showSignIn() {
  const others = facts.providers.map(({ id, name }) =>
    button(`with-${id}`, `Continue with ${name}`, async () => {
      const { url } = await ask(
        '/sign-in/social',
        signInBody({ provider: id, callbackURL: facts.to, errorCallbackURL: `${facts.base}/sign-in` }),
      );
      location.assign(url);
    }),
  );
  const passkeys = window.PublicKeyCredential
    ? [button('passkey', 'Sign in with a passkey', withPasskey)]
    : [];
  const links = [button('to-reset', 'Forgot the password?', showAskReset, 'link')];
  if (facts.signUp) links.unshift(button('to-sign-up', 'Create an account', showSignUp, 'link'));
  show(
    form('sign-in', [email(), password('Password', 'current-password')], 'Sign in', async (given) =>
      signedIn(await ask('/sign-in/email', signInBody({ ...given, callbackURL: facts.to }))),
    ),
    ...passkeys,
    ...others,
    element('nav', {}, ...links),
  );
}

function showSignUp() {
  const fields = [
    field('name', 'Name', { autocomplete: 'name', maxLength: 200 }),
    email(),
    password('Password', 'new-password'),
  ];
  show(
    form('sign-up', fields, 'Create account', async (given) => {
      const answer = await ask('/sign-up/email', signInBody({ ...given, callbackURL: facts.to }));
      if (answer.token) return signedIn(answer);
      showSignIn();
      say('We sent you a message. Open the link in it to go on.');
    }),
    element('nav', {}, button('to-sign-in', 'I have an account', showSignIn, 'link')),
  );
}

function showAskReset() {
  show(
    form('ask-reset', [email()], 'Send me a link', async (given) => {
      await ask('/request-password-reset', given);
      showSignIn();
      say('If there is an account with this address, a message is on its way.');
    }),
    element('nav', {}, button('to-sign-in', 'Back', showSignIn, 'link')),
  );
}

function showReset(token) {
  show(
    form('reset', [password('New password', 'new-password')], 'Save', async (given) => {
      await ask('/reset-password', { token, newPassword: given.password });
      history.replaceState(null, '', location.pathname);
      showSignIn();
      say('Your password is changed. Sign in with it.');
    }),
  );
}

function showSecond(recovery = false) {
  const code = recovery
    ? field('code', 'Recovery code', { autocomplete: 'off' })
    : field('code', 'Code from your app', {
        inputMode: 'numeric',
        autocomplete: 'one-time-code',
        pattern: '[0-9 ]*',
      });
  const path = recovery ? '/two-factor/verify-backup-code' : '/two-factor/verify-totp';
  show(
    form('second', [code], 'Go on', async (given) =>
      signedIn(await ask(path, signInBody({ code: given.code.replaceAll(' ', '') }))),
    ),
    element(
      'nav',
      {},
      button(
        'to-recovery',
        recovery ? 'Use my app' : 'Use a recovery code',
        () => showSecond(!recovery),
        'link',
      ),
    ),
  );
}

async function withPasskey() {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(
    await ask('/passkey/generate-authenticate-options'),
  );
  const credential = await navigator.credentials.get({ publicKey: options });
  signedIn(await ask('/passkey/verify-authentication', signInBody({ response: credential.toJSON() })));
}

async function addPasskey() {
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(
    await ask('/passkey/generate-register-options'),
  );
  const credential = await navigator.credentials.create({ publicKey: options });
  await ask('/passkey/verify-registration', { response: credential.toJSON(), name: navigator.platform });
  await showAccount();
  say('The passkey is added.');
}

async function showAccount() {
  const session = await ask('/get-session');
  if (!session) return location.assign(`${facts.base}/sign-in?to=${encodeURIComponent(location.href)}`);
  const passkeys = await ask('/passkey/list-user-passkeys');
  const list = passkeys.map(({ id, name }) =>
    element(
      'li',
      {},
      `${name || 'Passkey'} `,
      button(
        `drop-${id}`,
        'Remove',
        async () => {
          await ask('/passkey/delete-passkey', { id });
          await showAccount();
        },
        'link',
      ),
    ),
  );
  const second = session.user.twoFactorEnabled
    ? form(
        'disable-totp',
        [password('Password', 'current-password')],
        'Turn the second factor off',
        async (given) => {
          await ask('/two-factor/disable', given);
          await showAccount();
        },
      )
    : form('enable-totp', [password('Password', 'current-password')], 'Set a second factor up', enableSecond);
  show(
    element('p', { id: 'who' }, session.user.email),
    element('h2', {}, 'Passkeys'),
    element('ul', {}, ...list),
    button('add-passkey', 'Add a passkey', addPasskey),
    element('h2', {}, 'Second factor'),
    second,
    element('h2', {}, 'Sessions'),
    button('sign-out', 'Sign out', () => leave('/sign-out')),
    button('sign-out-all', 'Sign out everywhere', () => leave('/revoke-sessions')),
  );
  return undefined;
}

async function leave(path) {
  await ask(path, {});
  location.assign(`${facts.base}/sign-in`);
}

async function enableSecond(given) {
  const { totpURI, backupCodes } = await ask('/two-factor/enable', given);
  const secret = new URL(totpURI).searchParams.get('secret');
  show(
    element('p', {}, 'Add this key to your authenticator app:'),
    element('p', {}, element('code', { id: 'totp-secret' }, secret)),
    element('p', {}, element('a', { href: totpURI }, 'Open in an app on this device')),
    element('p', {}, 'Keep these recovery codes; each is good once:'),
    element(
      'ul',
      { id: 'backup-codes' },
      ...backupCodes.map((code) => element('li', {}, element('code', {}, code))),
    ),
    form(
      'confirm-totp',
      [field('code', 'Code from your app', { inputMode: 'numeric', autocomplete: 'one-time-code' })],
      'Confirm',
      async ({ code }) => {
        await ask('/two-factor/verify-totp', { code: code.replaceAll(' ', '') });
        await showAccount();
        say('The second factor is on.');
      },
    ),
  );
}

if (facts.mode === 'account') void act(showAccount);
else if (query.has('reset')) showReset(query.get('reset'));
else showSignIn();
const problem = query.get('error');
if (problem !== null) say(words[problem.toUpperCase()] ?? 'This did not work; try again.', true);
