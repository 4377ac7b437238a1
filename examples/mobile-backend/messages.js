const longestText = 2000;
const shown = 50;
/** Keys are listed in ascending order: counting down from here puts the newest first. */
const endOfTime = 9_999_999_999_999;

/** True when the name is this user's from now on: names are given once. */
export async function takeName(data, name, user) {
  if (typeof name !== 'string' || !/^[a-z0-9_]{2,30}$/.test(name)) return false;
  const { ok } = await data.put(`name/${name}`, user.id, { ifAbsent: true });
  return ok || (await data.get(`name/${name}`)) === user.id;
}

/** The id of whoever goes by this name, or null. */
export async function userOf(data, name) {
  return typeof name === 'string' && name !== '' ? data.get(`name/${name}`) : null;
}

/** Stores a message for its receiver: `{ message }`, or `{ problem }` in words for the sender. */
export async function createMessage(data, { from, to, text }) {
  if (typeof text !== 'string' || text.trim() === '' || text.length > longestText) {
    return { problem: `Write 1 to ${longestText} characters` };
  }
  const at = Date.now();
  const message = {
    id: `${endOfTime - at}-${crypto.randomUUID()}`,
    from: from.id,
    text: text.toWellFormed(),
    at,
  };
  await data.put(`message/${to}/${message.id}`, JSON.stringify(message));
  return { message };
}

/** The newest first. */
export async function listMessages(data, user) {
  const { keys } = await data.list({ prefix: `message/${user.id}/`, limit: shown });
  const found =
    keys.length === 0
      ? new Map()
      : await data.get(
          keys.map(({ name }) => name),
          'json',
        );
  return [...found.values()].filter((message) => message !== null);
}
