const signedIn = document.documentElement.dataset.signedIn === 'yes';
const list = document.getElementById('notes');
const problem = document.getElementById('problem');

document.getElementById(signedIn ? 'user' : 'stranger').hidden = false;
document.getElementById('sign-in').search = `?to=${encodeURIComponent(location.pathname)}`;

async function ask(path, method = 'GET', body = undefined) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  // The session is over: start again as a stranger.
  if (response.status === 401) location.reload();
  const answer = response.status === 204 ? undefined : await response.json();
  if (!response.ok) throw new Error(answer?.error ?? 'This did not work');
  return answer;
}

function show({ id, text }) {
  const item = document.createElement('li');
  const remove = document.createElement('button');
  remove.textContent = 'Delete';
  remove.addEventListener('click', () =>
    attempt(async () => {
      await ask(`api/notes/${encodeURIComponent(id)}`, 'DELETE');
      item.remove();
    }),
  );
  item.append(document.createTextNode(text), remove);
  list.append(item);
}

async function attempt(work) {
  problem.textContent = '';
  try {
    await work();
  } catch (error) {
    problem.textContent = error.message;
  }
}

if (signedIn) {
  document.getElementById('add').addEventListener('submit', (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    void attempt(async () => {
      show(await ask('api/notes', 'POST', { text: new FormData(form).get('text') }));
      form.reset();
    });
  });
  document.getElementById('sign-out').addEventListener('click', () =>
    attempt(async () => {
      await ask('auth/sign-out', 'POST', {});
      location.reload();
    }),
  );
  void attempt(async () => {
    const { user } = await ask('auth/get-session');
    document.getElementById('who').textContent = user.email;
    for (const note of await ask('api/notes')) show(note);
  });
}
