import type { StartHead } from './protocol.ts';

/** What `prepare` was told of the deployment; undefined before. */
export let startHead: StartHead | undefined;

export function setStartHead(head: StartHead | undefined): void {
  startHead = head;
}
