const longest = 500;

/** A user's notes lie under their id: nobody reads another's by asking for it. */
export async function listNotes(notes, userId) {
  const { keys } = await notes.list({ prefix: `${userId}/`, limit: 100 });
  const texts = await Promise.all(keys.map(({ name }) => notes.get(name)));
  return keys.map(({ name }, index) => ({ id: name.slice(userId.length + 1), text: texts[index] }));
}

/** { note } or { problem }. Ids sort by time, newest last. */
export async function addNote(notes, userId, body) {
  const text = typeof body?.text === 'string' ? body.text.trim() : '';
  if (text === '') return { problem: 'Send { "text": "…" }' };
  if (text.length > longest) return { problem: `A note has ${longest} characters at most` };
  const id = `${Date.now()}-${crypto.randomUUID().slice(0, 8)}`;
  await notes.put(`${userId}/${id}`, text);
  return { note: { id, text } };
}

export async function removeNote(notes, userId, id) {
  if (id.length <= 64) await notes.delete(`${userId}/${id}`);
}
