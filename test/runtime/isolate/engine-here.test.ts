import t from 'tap';
import type { ScriptSpec } from '#runtime/engine.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { IsolateEngine } from '#runtime/isolate/engine.ts';
import { engineContract } from '#test/contract/engine.ts';
import { isolateGuests } from '#test/support/isolate-guests.ts';

const bundle = await loadGuestBundle();

// Every entry on the thread of the test itself, as a cell has those of functions that are quick.
engineContract<ScriptSpec>(t, {
  open: async () => new IsolateEngine({ bundle, spares: 1, beat: () => undefined, quickEntries: 0 }),
  guests: isolateGuests,
  exceptions: {},
});
