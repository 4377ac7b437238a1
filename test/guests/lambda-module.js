export const handler = async (event) => `module ${event.rawPath ?? event.name}`;
