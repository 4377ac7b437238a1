import t from 'tap';
import { RowPolicy } from '#runtime/isolate/row-policy.ts';

const plain = [{ plain: true }, { plain: true }];

void t.test('row policy: requests go in together once their mean is below half a ms', async (t) => {
  const rows = new RowPolicy();
  t.equal(rows.allow(plain), false, 'not before it is known');
  for (let i = 0; i < 100; i++) rows.note(0.49 * 2, 2);
  t.equal(rows.allow(plain), true);
  t.equal(rows.allow(plain.slice(1)), false, 'one is no row');
  t.equal(rows.allow([...plain, { plain: false }]), false, 'nor is what has bytes');
  for (let i = 0; i < 100; i++) rows.note(0.51 * 2, 2);
  t.equal(rows.allow(plain), false);
});

void t.test('row policy: after a request that waited 64 batches go in singly', async (t) => {
  const rows = new RowPolicy();
  for (let i = 0; i < 100; i++) rows.note(0.1, 1);
  const row = [{ invocation: 7 }, { invocation: 8 }];
  t.equal(rows.begun(row, 8), 2, 'all of them');
  t.equal(rows.allow(plain), true);
  t.equal(rows.begun(row, 7), 1, 'the second was not begun');
  for (let i = 0; i < 64; i++) t.equal(rows.allow(plain), false);
  t.equal(rows.allow(plain), true);
});

void t.test('row policy: as many as a turn has time for, at least one', async (t) => {
  const rows = new RowPolicy();
  for (let i = 0; i < 200; i++) rows.note(0.125, 1);
  const fits = rows.fit(2);
  t.ok(fits === 15 || fits === 16, String(fits));
  for (let i = 0; i < 200; i++) rows.note(10, 1);
  t.equal(rows.fit(2), 1);
  for (let i = 0; i < 2000; i++) rows.note(0, 1);
  t.equal(rows.fit(2), 2000);
});
