// Sends a first piece and never the rest.
export default {
  fetch() {
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('first piece'));
        },
      }),
    );
  },
};
