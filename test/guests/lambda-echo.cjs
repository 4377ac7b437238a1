// The event and the context as the handler got them.
exports.handler = async (event, context) => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  return { event, context: { ...context, remaining: context.getRemainingTimeInMillis() } };
};
