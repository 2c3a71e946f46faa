import { type DerReader, latin1, Tag } from './der.js';

/**
 * Time ::= CHOICE { utcTime, generalTime }, in milliseconds since the epoch.
 * @see RFC 5280 §4.1.2.5: with seconds, zone Z, no fractions.
 */
export function readTime(reader: DerReader): number {
  const general = reader.tag === Tag.generalizedTime;
  const text = latin1(reader.content(general ? Tag.generalizedTime : Tag.utcTime).subarray(0, 16));
  const fields = (general ? GENERALIZED : UTC).exec(text);
  const time = fields === null ? undefined : instantOf(fields, general);
  if (time === undefined) reader.fail();
  return time ?? 0;
}

/** GeneralizedTime alone, in milliseconds since the epoch. */
export function readGeneralizedTime(reader: DerReader): number {
  if (reader.tag !== Tag.generalizedTime) reader.fail();
  return readTime(reader);
}

const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const UTC = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Days from 1 January of year 1 to 1 January 1970. */
const EPOCH = 719162;

function instantOf(fields: RegExpExecArray, general: boolean): number | undefined {
  const [written = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.slice(1).map(Number);
  const year = general ? written : written + (written < 50 ? 2000 : 1900);
  const days = DAYS_IN_MONTH[month - 1];
  if (days === undefined || day < 1 || day > days + (month === 2 ? leapDay(year) : 0)) return undefined;
  if (year < 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  return ((daysSinceEpoch(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1000;
}

function daysSinceEpoch(year: number, month: number, day: number): number {
  const past = year - 1;
  const leapDays = Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
  const inYear = (DAYS_BEFORE_MONTH[month - 1] as number) + (month > 2 ? leapDay(year) : 0) + day - 1;
  return past * 365 + leapDays - EPOCH + inYear;
}

function leapDay(year: number): 0 | 1 {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
}
