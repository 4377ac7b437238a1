export interface Line {
  readonly name: string;
  /** In cents. */
  readonly price: number;
  readonly count: number;
}

/** Reads an order or throws a TypeError that names the line. */
export function parseLines(value: unknown): readonly Line[] {
  if (!Array.isArray(value)) throw new TypeError('An order is a list of lines');
  return value.map((line: Partial<Line> | null, index) => {
    const { name, price, count = 1 } = line ?? {};
    if (typeof name !== 'string' || name === '') throw new TypeError(`Line ${index + 1} has no name`);
    if (!isAmount(price) || !isAmount(count))
      throw new TypeError(`Line ${index + 1} has no valid price and count`);
    return { name, price, count };
  });
}

export function total(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + line.price * line.count, 0);
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
