// META: variant=?one
// META: variant=?two
test(() => assert_equals(location.search, '?one'), 'only the first variant passes');
