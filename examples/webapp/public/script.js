const form = document.querySelector('#form');
const { name: nameField, message: messageField } = form.elements;
const button = form.querySelector('button');
const left = document.querySelector('#left');
const status = document.querySelector('#status');
const list = document.querySelector('#entries');
const empty = document.querySelector('#empty');
const template = document.querySelector('#entry');
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const wrong = [nameField, messageField].filter((field) => field.value.trim() === '');
  for (const field of [nameField, messageField]) field.setAttribute('aria-invalid', wrong.includes(field));
  if (wrong.length > 0) {
    wrong[0].focus();
    return say('Please fill in your name and a message.', true);
  }
  button.disabled = true;
  try {
    const entry = await call('POST', 'api/entries', {
      name: nameField.value,
      message: messageField.value,
    });
    list.prepend(toItem(entry));
    messageField.value = '';
    countLeft();
    refreshEmpty();
    say('Thank you, your line is in the book.');
  } catch (error) {
    say(error.message, true);
  } finally {
    button.disabled = false;
  }
});

messageField.addEventListener('input', countLeft);

function toItem(entry) {
  const item = template.content.cloneNode(true).firstElementChild;
  item.querySelector('.message').textContent = entry.message;
  item.querySelector('.name').textContent = entry.name;
  const time = item.querySelector('time');
  time.dateTime = new Date(entry.at).toISOString();
  time.textContent = dates.format(entry.at);
  const remove = item.querySelector('button');
  remove.setAttribute('aria-label', `Delete the entry of ${entry.name}`);
  remove.addEventListener('click', async () => {
    remove.disabled = true;
    try {
      await call('DELETE', `api/entries/${encodeURIComponent(entry.id)}`);
      item.remove();
      refreshEmpty();
      say('The entry is gone.');
      messageField.focus();
    } catch (error) {
      remove.disabled = false;
      say(error.message, true);
    }
  });
  return item;
}

async function call(method, address, body) {
  const response = await fetch(address, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (response.status === 204) return undefined;
  const answer = await response.json().catch(() => undefined);
  if (response.ok) return answer;
  throw new Error(typeof answer?.error === 'string' ? answer.error : 'The guestbook did not answer.');
}

function countLeft() {
  const characters = 200 - messageField.value.length;
  left.textContent = `${characters} character${characters === 1 ? '' : 's'} left`;
}

function refreshEmpty() {
  empty.hidden = list.childElementCount > 0;
}

function say(text, wrong = false) {
  status.textContent = text;
  status.classList.toggle('wrong', wrong);
}

try {
  list.replaceChildren(...(await call('GET', 'api/entries')).map(toItem));
  refreshEmpty();
} catch (error) {
  say(error.message, true);
}
countLeft();
