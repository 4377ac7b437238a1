/** What a resident guest's call goes through: messages of the host become lines for its stdin, its lines answers. */
export interface Lines {
  /** The first message (guest/protocol.ts, In.Request or In.Event) and its bytes. */
  begin(message: string, bytes: Uint8Array): void;
  /** A later message. */
  message(message: string, bytes: Uint8Array): void;
  /** A line the guest wrote to stdout, without its newline. Hostile input. */
  line(bytes: Uint8Array): void;
}

/** What `Lines` speaks to: the guest on one side, the host on the other. */
export interface Conversation {
  readonly invocation: number;
  /** One line for the guest, without its newline. */
  toGuest(line: Uint8Array): void;
  /** A line for the host (guest/protocol.ts, Out): letter, JSON text, bytes where it has some. */
  emit(letter: string, json: string, bytes?: Uint8Array): void;
  /** Before `done`: the guest wrote what it should not have, so its next line may answer nobody knows what. It goes. */
  outOfStep(): void;
  /** The answer is complete: the guest is free. Called once, also when the guest was never reached. */
  done(): void;
}
