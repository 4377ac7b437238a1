import type { Store } from '#bindings/store/store.ts';
import { refuse } from './arguments.ts';
import { noPreferences, withoutChannel } from './preferences.ts';
import type { PersonalChannel, Preferences } from './preferences.ts';
import { decode, put } from './records.ts';
import type { Space } from './space.ts';

interface Place {
  readonly store: Store;
  readonly space: Space;
}

/** `pref/<user>`: what a user wants; everything where nothing was said. */
export async function readPreferences({ store, space }: Place, user: string): Promise<Preferences> {
  const entry = await store.get(space.key('pref', user));
  return entry === undefined ? noPreferences : (decode(entry) as Preferences);
}

export async function writePreferences(
  { store, space }: Place,
  user: string,
  preferences: Preferences,
): Promise<void> {
  await store.write([put(space.key('pref', user), preferences)]);
}

/** One channel of a topic off, whoever else changes the rest. */
export async function mutePreferences(
  { store, space }: Place,
  user: string,
  { topic, channel }: { readonly topic: string | undefined; readonly channel: PersonalChannel },
): Promise<void> {
  const key = space.key('pref', user);
  for (let attempt = 0; attempt < 20; attempt++) {
    const entry = await store.get(key);
    const preferences = entry === undefined ? noPreferences : (decode(entry) as Preferences);
    const changed = withoutChannel(preferences, topic, channel);
    if ((await store.write([put(key, changed)], [{ key, revision: entry?.revision ?? 0 }])).ok) return;
  }
  throw refuse('Cannot change preferences: others change them too; try again');
}
