import type { Answer, Grant, Operation } from '#runtime/binding.ts';

/** A grant whose answers are promises, whether they are at hand or not. What a grant throws, which none may, is thrown. */
export interface AskedGrant extends Grant {
  call(operation: Operation): Promise<Answer>;
}

export function asked(grant: Grant): AskedGrant {
  return {
    call(operation) {
      const answer = grant.call(operation);
      return answer instanceof Promise ? answer : Promise.resolve(answer);
    },
  };
}
