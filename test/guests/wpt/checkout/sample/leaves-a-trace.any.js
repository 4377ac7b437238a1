test(() => assert_equals(globalThis.trace, undefined), 'no file sees another');
globalThis.trace = 1;
