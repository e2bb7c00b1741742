// Numbers for people.

const whole = new Intl.NumberFormat("en");

export const count = (value, noun) => `${whole.format(value)} ${value === 1 ? noun : plural(noun)}`;

const plural = (noun) => (noun.endsWith("ch") ? `${noun}es` : `${noun}s`);

/** Whether there is a value at all; in columns of numbers NaN says that there is none. */
export const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

/** Three significant digits, so that figures below each other are equally exact, with a true minus sign. */
export function figure(value) {
  if (!known(value)) return "–";
  const text = value === 0 ? "0" : value.toPrecision(3);
  return text.replace("-", "−");
}

export const percent = (value) => `${Math.round(100 * value)} %`;

/** A lower bound of a share: never rounded up. */
export const percentAtLeast = (value) => `${Math.floor(100 * value + 0.01)} %`;

export function interval(low, high) {
  return known(low) && known(high) ? `${figure(low)} to ${figure(high)}` : "";
}
