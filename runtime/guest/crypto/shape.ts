import { shapeInterface } from '../web/index.ts';

/** An interface as Web IDL has it: its name, which minification took, its tag, members that can be listed. */
export function shape(type: { readonly prototype: object }, name: string): void {
  Object.defineProperty(type, 'name', { value: name, configurable: true });
  shapeInterface(type.prototype, name);
}
