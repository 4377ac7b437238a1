import { openSqliteStore } from '#bindings/store/sqlite.ts';

/** A process to be killed: writes k0, k1, … to the store given, and prints each number once it is acknowledged. */
const [path = ''] = process.argv.slice(2);
const store = openSqliteStore(path);
let next = 0;

async function writeForEver(): Promise<never> {
  for (;;) {
    const number = next;
    next += 1;
    await store.write([
      { kind: 'put', key: `k${number}`, value: new Uint8Array(number % 5000).fill(number) },
    ]);
    process.stdout.write(`${number}\n`);
  }
}

// Several at once, so that groups are committed and not only single writes.
await Promise.all(Array.from({ length: 8 }, writeForEver));
