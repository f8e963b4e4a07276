// One statistic as /stats shows it.
export type ValueType = 'counter' | 'gauge' | 'text';
export interface Row {
  name: string;
  type: ValueType;
  value: number | string;
  used: boolean;
}
