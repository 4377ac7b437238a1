// META: title=a file that passes
// META: script=/common/sum.js

test(() => assert_equals(sum(1, 2), 3), 'functions of a script are global');
test(() => assert_equals(zero, 0), 'so are its constants');
test(() => {
  undeclared = 1;
  assert_equals(globalThis.undeclared, 1);
}, 'scripts are sloppy');
test(
  () =>
    assert_equals(
      (function () {
        return this;
      })(),
      globalThis,
    ),
  'this is the global of a sloppy function',
);
test(
  () => assert_equals(new Request('x').url, new URL('x', location).href),
  'relative URLs lead beside the test',
);
test(() => assert_equals(GLOBAL.isWindow(), false), 'there is no window');
promise_test(async () => assert_equals(await Promise.resolve(1), 1), 'promises are waited for');
