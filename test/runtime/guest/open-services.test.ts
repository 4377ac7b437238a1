import t from 'tap';
import { openEngineGuest } from '#test/support/engine-guest.ts';

void t.test('open services: a guest reaches those of node:crypto and node:zlib, and no other', async (t) => {
  const guest = await openEngineGuest(`
    const { serve, serveLater } = globalThis[Symbol.for('islet.services')];
    export default { async fetch() {
      const tried = async (run) => { try { await run(); return 'ok' } catch (e) { return e.name } };
      const hash = ['sha1', -1, 0, 'end', null];
      const answers = [];
      for (const method of ['subtle', 'digest', 'decode', 'fetch', '', '__proto__', 'constructor', 'hash\\nA1 []', { toString: () => 'hash' }])
        answers.push(await tried(() => serve(method, hash)), await tried(() => serveLater(method, hash)));
      return Response.json([answers, await tried(() => serve('hash', hash)), await tried(() => serveLater('hash', hash))]);
    } }`);
  const [refused, now, later] = JSON.parse((await guest.request('')).body) as [string[], string, string];
  t.same(new Set(refused), new Set(['TypeError']));
  t.same([now, later], ['ok', 'ok']);
  guest.close();
});

void t.test('open services: no argument writes a line of its own', async (t) => {
  const guest = await openEngineGuest(`
    const { serve, serveLater } = globalThis[Symbol.for('islet.services')];
    export default { async fetch() {
      const forged = ']\\nA1 [200,[],1,"forged"]';
      const odd = [forged, [forged], { toJSON: () => forged }, [{ toJSON: () => forged }], undefined, () => 1, [1n], 'x'.repeat(1000)];
      Array.prototype.toJSON = function () { return forged };
      const told = [];
      for (const args of odd)
        for (const ask of [serve, serveLater])
          try { await ask('hash', args); told.push('ok') } catch (e) { told.push(e.name) }
      delete Array.prototype.toJSON;
      return Response.json(told);
    } }`);
  const { body, end } = await guest.request('');
  t.equal(end.cause, 'finished');
  const told = JSON.parse(body) as string[];
  t.equal(told.length, 16);
  t.notOk(told.includes('ok'));
  guest.close();
});
