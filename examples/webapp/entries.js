const longestName = 40;
const longestMessage = 200;
const shown = 100;
/** Keys are listed in ascending order: counting down from here puts the newest first. */
const endOfTime = 9_999_999_999_999;

/** Newest first. An entry fits into its key's metadata, so one list reads them all. */
export async function listEntries(entries) {
  const { keys } = await entries.list({ limit: shown });
  return keys.map(({ name, metadata }) => ({ id: name, ...metadata }));
}

/** Stores what a visitor sent: `{ entry }`, or `{ problem }` in words for the visitor. */
export async function createEntry(entries, sent) {
  const name = toLine(sent?.name);
  const message = toLine(sent?.message);
  if (name === '' || name.length > longestName) {
    return { problem: `Please give a name of 1 to ${longestName} characters.` };
  }
  if (message === '' || message.length > longestMessage) {
    return { problem: `Please write a message of 1 to ${longestMessage} characters.` };
  }
  const at = Date.now();
  const id = `${endOfTime - at}-${crypto.randomUUID()}`;
  await entries.put(id, '', { metadata: { name, message, at } });
  return { entry: { id, name, message, at } };
}

export async function deleteEntry(entries, id) {
  await entries.delete(id);
}

/** One line of text: control characters and lone surrogates replaced, no space around it. */
function toLine(value) {
  if (typeof value !== 'string') return '';
  return value
    .replace(/\p{Cc}+/gu, ' ')
    .toWellFormed()
    .trim();
}
