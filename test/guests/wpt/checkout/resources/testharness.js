// What the runner needs of the real one, so that the harness can be tested without a checkout.
(() => {
  const tests = [];
  const onResult = [];
  const onEnd = [];
  let loaded = false;
  let over = false;
  let pending = 0;

  function finish(status) {
    if (over) return;
    over = true;
    for (const test of tests.filter((each) => each.status === undefined)) end(test, 2, 'timed out');
    for (const run of onEnd) run(tests, { status, message: null });
  }

  function end(test, status, message = null) {
    test.status = status;
    for (const run of onResult) run({ ...test, message });
  }

  function settle() {
    if (loaded && pending === 0) Promise.resolve().then(() => finish(0));
  }

  self.setup = () => {};
  self.add_result_callback = (run) => onResult.push(run);
  self.add_completion_callback = (run) => onEnd.push(run);
  self.done = () => {
    loaded = true;
    settle();
  };
  self.timeout = () => finish(2);
  self.assert_equals = (got, wanted) => {
    if (!Object.is(got, wanted)) throw new Error(`expected ${wanted} but got ${got}`);
  };
  self.test = (run, name) => {
    const test = { name };
    tests.push(test);
    try {
      run();
      end(test, 0);
    } catch (error) {
      end(test, 1, error.message);
    }
  };
  self.promise_test = async (run, name) => {
    const test = { name };
    tests.push(test);
    pending++;
    try {
      await run();
      if (!over) end(test, 0);
    } catch (error) {
      if (!over) end(test, 1, error.message);
    }
    pending--;
    settle();
  };
})();
