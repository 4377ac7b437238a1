import t from 'tap';
import * as fc from 'fast-check';
import { RouteTable, toRoute } from '#host/deploy/routes.ts';
import { at, codeOf, deploy, openBench } from './opened.ts';

await t.test('routing: a function answers at its host and under its path', async (t) => {
  const deployments = await openBench(t).open();
  await deploy(deployments, 'shop', 'a');
  await deploy(deployments, 'shop', 'b');
  await deploy(deployments, 'a--b', 'a');
  const table: readonly (readonly [string, string, string | undefined])[] = [
    ['shop.localhost', '/', 'shop@2'],
    ['shop.localhost', '/a--b/x', 'shop@2'],
    ['1--shop.localhost', '/x', 'shop@1'],
    ['2--shop.localhost', '/', 'shop@2'],
    ['3--shop.localhost', '/', undefined],
    ['01--shop.localhost', '/', undefined],
    ['--shop.localhost', '/', undefined],
    ['a--b.localhost', '/', 'a--b@1'],
    ['1--a--b.localhost', '/', 'a--b@1'],
    ['x.shop.localhost', '/', undefined],
    ['.localhost', '/shop/', undefined],
    ['nobody.localhost', '/shop/', undefined],
    ['localhost', '/shop/', 'shop@2 under /shop'],
    ['127.0.0.1', '/shop', 'shop@2 under /shop'],
    ['127.0.0.1', '/shop/x/y', 'shop@2 under /shop'],
    ['127.0.0.1', '/shop@1/x', 'shop@1 under /shop@1'],
    ['127.0.0.1', '/shop@1', 'shop@1 under /shop@1'],
    ['127.0.0.1', '/shop@3/', undefined],
    ['127.0.0.1', '/shop@/', undefined],
    ['127.0.0.1', '/@1/', undefined],
    ['127.0.0.1', '/', undefined],
    ['127.0.0.1', '//shop/', undefined],
    ['127.0.0.1', '/shopping/', undefined],
    ['127.0.0.1', '/toString/', undefined],
    ['127.0.0.1', '/__proto__/', undefined],
    ['', '/shop/', 'shop@2 under /shop'],
  ];
  for (const [hostname, path, answer] of table) {
    t.equal(at(deployments, hostname, path), answer, `${hostname} ${path}`);
  }
});

await t.test("routing: a function's own routes win over the built-in addresses", async (t) => {
  const deployments = await openBench(t).open();
  await deploy(deployments, 'shop', 'a');
  await deploy(deployments, 'front', 'a', {
    manifest: { routes: ['shop.localhost/x*', '127.0.0.1/shop/*'] },
  });
  t.equal(at(deployments, 'shop.localhost', '/x'), 'front@1');
  t.equal(at(deployments, 'shop.localhost', '/y'), 'shop@1');
  t.equal(at(deployments, '127.0.0.1', '/shop/'), 'front@1');
  t.equal(at(deployments, '127.0.0.1', '/shop'), 'shop@1 under /shop');
});

await t.test('routing: an exact host wins over a wildcard, then the longest path', async (t) => {
  const table = new RouteTable<string>();
  const routes = [
    '*.com/*',
    '*.example.com/*',
    '*.example.com/very/long/path/*',
    'api.example.com/v1/*',
    'api.example.com/v1/users*',
    'api.example.com/v1/users',
    'example.com/',
  ];
  for (const route of routes) table.set(route, route);
  const answers: readonly (readonly [string, string, string | undefined])[] = [
    ['api.example.com', '/v1/users', 'api.example.com/v1/users'],
    ['api.example.com', '/v1/users/7', 'api.example.com/v1/users*'],
    ['api.example.com', '/v1/usersx', 'api.example.com/v1/users*'],
    ['api.example.com', '/v1/x', 'api.example.com/v1/*'],
    ['api.example.com', '/v1', '*.example.com/*'],
    ['api.example.com', '/very/long/path/x', '*.example.com/very/long/path/*'],
    ['a.b.example.com', '/', '*.example.com/*'],
    ['example.com', '/', 'example.com/'],
    ['example.com', '/x', '*.com/*'],
    ['com', '/', undefined],
    ['example.org', '/', undefined],
  ];
  for (const [hostname, path, route] of answers) t.equal(table.match(hostname, path), route, hostname + path);
});

await t.test('routing: the table answers as a search through all routes does', async (t) => {
  const host = fc.constantFrom('a.com', 'b.a.com', 'c.b.a.com', 'com', 'x.org');
  const path = fc.constantFrom('/', '/a', '/a/', '/a/b', '/ab', '/a/b/c');
  const route = fc
    .tuple(fc.constantFrom('', '*.'), host, path, fc.constantFrom('', '*'))
    .map((parts) => parts.join(''));
  const step = fc.record({ route, owner: fc.constantFrom('one', 'two'), isSet: fc.boolean() });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), host, path, (steps, hostname, path) => {
        const table = new RouteTable<string>();
        const model = new Map<string, string>();
        for (const { route, owner, isSet } of steps) {
          if (isSet) {
            table.set(route, owner);
            model.set(route, owner);
          } else {
            table.delete(route, owner);
            if (model.get(route) === owner) model.delete(route);
          }
        }
        const best = [...model.keys()].filter((route) => covers(route, hostname, path)).sort(byRank)[0];
        return table.match(hostname, path) === (best === undefined ? undefined : model.get(best));
      }),
      { numRuns: 500 },
    ),
  );
});

function covers(route: string, hostname: string, path: string): boolean {
  const slash = route.indexOf('/');
  const [host, rest] = [route.slice(0, slash), route.slice(slash)];
  const isHost = host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host;
  return isHost && (rest.endsWith('*') ? path.startsWith(rest.slice(0, -1)) : path === rest);
}

function byRank(a: string, b: string): number {
  const rank = (route: string): readonly number[] => {
    const slash = route.indexOf('/');
    return [Number(route.startsWith('*')), -slash, Number(route.endsWith('*')), -route.length];
  };
  const [x, y] = [rank(a), rank(b)];
  return x.map((value, i) => value - (y[i] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

await t.test('routing: routes follow the traffic, and no other function can take them', async (t) => {
  const deployments = await openBench(t).open();
  const first = { manifest: { routes: ['a.example.com/*'] } };
  const second = { manifest: { routes: ['b.example.com/*'] } };
  await deploy(deployments, 'shop', 'a', first);
  await deploy(deployments, 'shop', 'b', second);
  t.equal(at(deployments, 'a.example.com', '/'), undefined);
  t.equal(at(deployments, 'b.example.com', '/'), 'shop@2');
  t.equal(await codeOf(deploy(deployments, 'other', 'a', second)), 'ERR_ROUTE_TAKEN');
  await deploy(deployments, 'other', 'a', first);
  t.equal(await codeOf(deployments.rollback('shop')), 'ERR_ROUTE_TAKEN', 'version 1 would need it back');
  t.equal(at(deployments, 'b.example.com', '/'), 'shop@2', 'nothing moved');
  await deployments.delete('other');
  t.match(await deployments.rollback('shop'), { version: 1 });
  t.equal(at(deployments, 'a.example.com', '/'), 'shop@1');
  t.match(await deployments.setWeights('shop', { 1: 50, 2: 50 }), {
    routes: ['b.example.com/*', 'a.example.com/*'],
  });
  const upper = { manifest: { routes: ['A.Example.COM/*'] } };
  t.equal(await codeOf(deploy(deployments, 'other', 'b', upper)), 'ERR_ROUTE_TAKEN', 'hosts have no case');
});

await t.test('routing: what is no route is refused', async (t) => {
  for (const route of [
    '*/x',
    'a.com',
    'a.com:80/',
    'a..com/',
    '-a.com/',
    'a.com/*/b',
    'a.com/ä',
    'a.com/a b',
    '/x',
    '',
  ]) {
    t.equal(toRoute(route), undefined, route);
  }
  t.equal(toRoute('*.A.com/Path*'), '*.a.com/Path*');
});

await t.test('routing: two versions are drawn by their weights', async (t) => {
  let random = 0;
  const deployments = await openBench(t).open({ ports: { random: () => random } });
  await deploy(deployments, 'shop', 'a');
  await deploy(deployments, 'shop', 'b');
  await deployments.setWeights('shop', { 1: 25, 2: 75 });
  const answers: readonly (readonly [number, number])[] = [
    [0, 2],
    [0.7499, 2],
    [0.75, 1],
    [0.9999999999999999, 1],
  ];
  for (const [drawn, version] of answers) {
    random = drawn;
    t.equal(deployments.target('shop').deployment.version, version, String(drawn));
    t.equal(at(deployments, 'shop.localhost', '/'), `shop@${version}`);
    t.equal(at(deployments, '127.0.0.1', '/shop/'), `shop@${version} under /shop`);
    t.equal(at(deployments, '1--shop.localhost', '/'), 'shop@1', 'a preview is not drawn');
  }
});

await t.test('routing: listeners hear of every move of traffic, and of nothing else', async (t) => {
  const deployments = await openBench(t).open();
  const heard: string[] = [];
  const stop = deployments.onChange(({ name, live }) => {
    heard.push(`${name}:${live.map(({ deployment }) => deployment.version).join('+')}`);
    t.same(
      deployments.live().find((row) => row.name === name)?.live ?? [],
      live,
      'the registry is there already',
    );
  });
  await deploy(deployments, 'shop', 'a');
  await deploy(deployments, 'shop', 'b', { activate: false });
  await deploy(deployments, 'shop', 'b');
  await deploy(deployments, 'shop', 'b');
  await deployments.setWeights('shop', { 1: 10, 2: 90 });
  await deployments.setWeights('shop', { 1: 20, 2: 80 });
  await deployments.secrets.put('shop', 'A', '1');
  await deployments.rollback('shop', 1);
  await deployments.delete('shop', 2);
  await deployments.delete('shop');
  stop();
  await deploy(deployments, 'shop', 'a');
  t.same(heard, ['shop:1', 'shop:2', 'shop:2+1', 'shop:2+1', 'shop:2+1', 'shop:1', 'shop:']);
});

await t.test('routing: a target stays the same object as long as nothing about it changes', async (t) => {
  const deployments = await openBench(t).open();
  await deploy(deployments, 'shop', 'a');
  const target = deployments.target('shop', 1);
  await deploy(deployments, 'shop', 'b');
  t.equal(deployments.target('shop', 1), target);
  t.equal(
    deployments.match('shop.localhost', '/'),
    deployments.match('shop.localhost', '/x'),
    'and so does a match',
  );
});
