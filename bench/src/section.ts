/** A table of the report, and what it adds to the history. */
export interface Section {
  /** The name that `--only` takes. */
  readonly part: string;
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Everything that was measured, for `--json`. */
  readonly samples: unknown;
  /** Costs beside a reference of the same run, which the same machine can compare with other runs. */
  readonly ratios: Readonly<Record<string, number>>;
  /** What does not depend on the machine: any run of the same Node can be compared. */
  readonly counts: Readonly<Record<string, number>>;
}
