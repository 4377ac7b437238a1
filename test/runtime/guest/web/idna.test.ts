import { domainToASCII } from 'node:url';
import { array, constantFrom, oneof, sample, string, tuple } from 'fast-check';
import t, { type Test } from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

/** What new URL makes of each host, "" where it throws. */
async function namesOf(hosts: readonly string[]): Promise<readonly string[]> {
  const program = `return ${JSON.stringify(hosts)}.map((host) => { try { return new URL('ws://' + host).hostname } catch { return '' } })`;
  return (await guest.run(program)) as readonly string[];
}

/** Hosts that the guest reads otherwise than Node. */
async function differences(hosts: readonly string[]): Promise<readonly unknown[]> {
  const ours = await namesOf(hosts);
  return hosts
    .map((host, index) => ({ host, ours: ours[index], node: domainToASCII(host) }))
    .filter(({ ours, node }) => ours !== node);
}

async function agree(t: Test, hosts: readonly string[]): Promise<void> {
  t.ok(hosts.length > 0);
  for (let at = 0; at < hosts.length; at += 4096)
    t.strictSame(await differences(hosts.slice(at, at + 4096)), []);
}

/** What would end the host or is no character. */
const isHost = (text: string): boolean => !/[/?#@:\\%[\]\t\n\r\0- ]/.test(text) && text.isWellFormed();

void t.test('idna: every code point, within a label and as one, is what it is in Node', async (t) => {
  const hosts: string[] = [];
  for (let point = 0x80; point <= 0x2ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const character = String.fromCodePoint(point);
    hosts.push(`a${character}b`);
    // Beyond the first plane everything is the cell's.
    if (point <= 0xffff) hosts.push(`${character}.x`);
  }
  await agree(t, hosts);
});

/** Letters the guest encodes itself, at the ends of their ranges, and some beside them. */
const letters =
  'aZ09-_.ßÀÖ×ØöøþįİıĲĳĴľĿŀŁňŉŊžſƀǃǄǌǍǰǱǳǴʯʰ\u0301\u0345ΆΈΊΌΎΡΣΤςσώϏϐЀҁ\u0483ҊҿӀӁԯՀՠֆևֈაჺჼẀẙẚẛẜẞẟỿ々〇。ぁゖ\u3099゛ゝゞゟァヺ・ーヾヿㄅㄯ㐀䶿一鿿가힣\u1100\u1161\u11a8אع١\u200c\u200dक्';

void t.test('idna: any labels of such letters are what they are in Node', async (t) => {
  const label = array(constantFrom(...letters.split('')), { minLength: 1, maxLength: 12 }).map((chars) =>
    chars.join(''),
  );
  const hosts = sample(array(label, { minLength: 1, maxLength: 3 }), { numRuns: 20_000, seed: 11 }).map(
    (labels) => labels.join('.'),
  );
  await agree(t, hosts);
});

void t.test('idna: any Unicode, and labels in Punycode, are what they are in Node', async (t) => {
  const text = string({ unit: 'binary', minLength: 1, maxLength: 8 });
  const prefix = constantFrom('', 'xn--', 'XN--', 'é.xn--', 'xn--.', '1.', '0x');
  const host = tuple(
    prefix,
    oneof(
      text,
      text.map((all) => all.toLowerCase()),
    ),
    constantFrom('', '.1', '.0xé', '.', 'é'),
  )
    .map((all) => all.join(''))
    .filter(isHost)
    .filter((all) => /[^\0-\x7f]/.test(all));
  await agree(t, sample(host, { numRuns: 10_000, seed: 12 }));
});

void t.test('idna: names as long as the guest encodes them, and one longer', async (t) => {
  const hosts = [254, 255, 256, 257].flatMap((length) => [
    'é'.repeat(length),
    '語'.repeat(length),
    `${'ab'.repeat(20)}ü.`.repeat(8).slice(0, length - 1) + 'z',
  ]);
  await agree(t, hosts);
});
