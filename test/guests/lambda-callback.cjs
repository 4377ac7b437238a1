exports.handler = (event, context, callback) => {
  setTimeout(() => {
    if (event.fail) return callback(new RangeError('as asked'));
    return callback(null, { statusCode: 201, body: `called back by ${context.functionName}` });
  }, 5);
};
