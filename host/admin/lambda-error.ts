/** An error by AWS's own name and status; answered in AWS's shape. */
export class LambdaError extends Error {
  readonly status: number;
  readonly type: string;
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, type: string, message: string, fields?: Readonly<Record<string, string>>) {
    super(message);
    this.name = type;
    this.status = status;
    this.type = type;
    this.fields = fields ?? {};
  }
}
