test(() => {}, 'before');
throw new Error('not caught');
