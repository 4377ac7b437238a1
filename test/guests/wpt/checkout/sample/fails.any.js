test(() => assert_equals(1, 2), 'one is two');
test(() => assert_equals(1, 1), 'one is one');
